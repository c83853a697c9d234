// Gradients of the weights of convolutions from few channels, like a network's first: `stem.cc`.
#pragma once

#include "few.h"

namespace cornu::stem {

using few::Shape;

// Whether it is computed here.
bool takes(const Shape& s);

// dw (window_y, window_x, channels, filters).
void weights(const Shape& s, const float* x, const float* dy, float* dw);

}  // namespace cornu::stem

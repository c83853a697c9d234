// Convolutions of 3x3 windows in steps of one, by Winograd's F(4x4, 3x3).
#pragma once

#include <cstdint>

namespace cornu::winograd {

// x (batch, height, width, channels), w (3, 3, channels, filters),
// y (batch, out_height, out_width, filters); `low`: zeros before the first row and column of x.
struct Shape {
  int64_t batch, height, width, channels, out_height, out_width, filters, low_y, low_x;
};

// Whether this machine has the instructions and the shape makes it faster.
bool takes(const Shape& s);

// y = x * w + bias, where there is one; below zero it becomes 0 where `relu`, NaN stays NaN.
void forward(const Shape& s, const float* x, const float* w, const float* bias, bool relu,
             float* y);

// The gradient for x, and that for w.
void data(const Shape& s, const float* dy, const float* w, float* dx);
void weights(const Shape& s, const float* x, const float* dy, float* dw);

}  // namespace cornu::winograd

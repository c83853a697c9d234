// Convolutions of many channels onto one to four filters (`few.cc`): the last layer of a network
// that makes pictures, and the slopes by the pictures that a first layer reads.
#pragma once

#include <cstdint>

namespace cornu::few {

// x (batch, height, width, channels), window (window_y, window_x, channels, filters),
// y (batch, out_height, out_width, filters); zeros before x by `low`, behind it as many as y needs.
struct Shape {
  int64_t batch, height, width, channels, out_height, out_width, filters;
  int64_t window_y, window_x, stride_y, stride_x, low_y, low_x;
};

// Whether it is computed here.
bool takes(const Shape& s);

// `bias` may be null; with `relu` what is below zero becomes zero.
void forward(const Shape& s, const float* x, const float* w, const float* bias, bool relu,
             float* y);

}  // namespace cornu::few

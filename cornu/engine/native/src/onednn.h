// Convolution by oneDNN, of any rank, channels last: what it is, and its four ways.
#pragma once

#include <string>

#include "common.h"

namespace cornu {

enum class Way { kForward, kData, kWeights, kBias };

// What a convolution is, as oneDNN names it: axes in the order (batch, channels, *space).
struct Geometry {
  dnnl::memory::dims x, w, y, strides, dilation, low, high;
  int64_t groups;
  dnnl::memory::data_type type;
  bool direct = false;  // whether sums are to be taken as they are written

  bool empty() const;
  double work() const;  // multiplications
  Key key(const char* what) const;
};

int64_t count(const dnnl::memory::dims& dims);

namespace onednn {

// Whether threads compute parts of the batch, each alone, and need no team: `forward` and the
// others are then called where `parallel` shares work among XLA's threads.
bool in_parts(Way way, const Geometry& g);

// `bias` may be null; with `relu` what is below zero becomes zero.
void forward(const Geometry& g, const void* x, const void* w, const void* bias, bool relu, void* y);

// The gradient for x, and that for w.
void data(const Geometry& g, const void* dy, const void* w, void* dx);
void weights(const Geometry& g, const void* x, const void* dy, void* dw);

// What oneDNN names its kernel: "brgconv:avx512_core", say. Throws where there is none.
std::string name(Way way, const Geometry& g);

}  // namespace onednn
}  // namespace cornu

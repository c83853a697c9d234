// A bias and an activation, and their slopes in one pass.
#include "finish.h"

#include <immintrin.h>

#include "common.h"

namespace cornu {
namespace {

#define EACH_WIDTH "finish_lanes.h"
#include "widths.h"

constexpr int64_t kLanes = 64;   // numbers at a time where there are fewer channels
constexpr int64_t kSteps = 128;  // additions in float32 before float64 takes over

// What `slopes` goes through: n numbers, which are added up, number i in total[i % width], with
// `part`, width numbers to work with.
struct Stretch {
  const float *y, *dy;
  float* dx;
  int64_t n, width;
  float* part;
  double* total;
};

template <class Slope>
__attribute__((always_inline)) inline void slopes_by(Slope slope, Stretch s) {
  while (s.n > 0) {
    std::fill_n(s.part, s.width, 0.0f);
    for (int64_t step = 0; step < kSteps && s.n > 0; ++step) {
      const int64_t many = std::min(s.n, s.width);
      for (int64_t i = 0; i < many; ++i) {
        const float by_x = slope(s.y[i], s.dy[i]);
        s.dx[i] = by_x;
        s.part[i] += by_x;
      }
      s.y += many, s.dy += many, s.dx += many, s.n -= many;
    }
    for (int64_t i = 0; i < s.width; ++i) s.total[i] += s.part[i];
  }
}

// The slope of what an activation made y of. NaN in y counts as above zero, as it does where y is
// cut by relu.
CORNU_CLONES void slopes(Activation activation, const Stretch& s) {
  switch (activation) {
    case Activation::linear:
      return slopes_by([](float, float dy) { return dy; }, s);
    case Activation::relu:
      return slopes_by([](float y, float dy) { return y <= 0.0f ? 0.0f : dy; }, s);
    case Activation::sigmoid:
      return slopes_by([](float y, float dy) { return dy * (y * (1.0f - y)); }, s);
    case Activation::tanh:
      return slopes_by([](float y, float dy) { return dy * (1.0f - y * y); }, s);
  }
}

using Floats = ffi::Buffer<ffi::F32>;
using FloatsOut = ffi::ResultBuffer<ffi::F32>;

// All rows, of a number for each channel, in parts; their sums are added in turn, so that a run
// gives the same bits as the next.
ffi::Error Slopes(ffi::ThreadPool pool, Floats y, Floats dy, int32_t activation, FloatsOut dx,
                  FloatsOut total) {
  const int64_t channels = total->element_count(), size = y.element_count();
  const int64_t rows = channels ? size / channels : 0;
  return run(static_cast<double>(size), pool, [&] {
    const int64_t width = (kLanes + channels - 1) / channels * channels;
    const int64_t parts = threads(), room = width + kLanes;  // of one part
    auto* sums = static_cast<double*>(scratch(0, parts * room * sizeof(double)));
    auto* work = static_cast<float*>(scratch(1, parts * room * sizeof(float)));
    std::fill_n(sums, parts * room, 0.0);
    parallel(rows, [&](int64_t begin, int64_t end) {
      const int64_t t = begin / part_of(rows) * room, from = begin * channels;
      slopes(static_cast<Activation>(activation),
             {y.typed_data() + from, dy.typed_data() + from, dx->typed_data() + from,
              (end - begin) * channels, width, work + t, sums + t});
    });
    for (int64_t c = 0; c < channels; ++c) {
      double sum = 0;
      for (int64_t t = 0; t < parts; ++t)
        for (int64_t i = c; i < width; i += channels) sum += sums[t * room + i];
      total->typed_data()[c] = static_cast<float>(sum);
    }
  });
}

CORNU_HANDLER(cornu_finish_slopes, Slopes,
              ffi::Ffi::Bind()
                  .Ctx<ffi::ThreadPool>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Attr<int32_t>("activation")
                  .Ret<Floats>()
                  .Ret<Floats>());

}  // namespace

Finish finish_of(Activation activation) {
  const auto i = static_cast<int32_t>(activation);
  return widest() == 16 ? wide::all[i] : widest() == 8 ? middle::all[i] : nullptr;
}

}  // namespace cornu

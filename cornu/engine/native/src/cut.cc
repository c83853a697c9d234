// The slope of what was cut below zero, and its sum for the bias, in one pass.
#include "common.h"

namespace cornu {
namespace {

constexpr int64_t kLanes = 64;   // numbers at a time where there are fewer channels
constexpr int64_t kSteps = 128;  // additions in float32 before float64 takes over

// dx = 0 where y <= 0, else dy, over n numbers; adds them up, number i in total[i % width]. NaN in
// y counts as above zero, as it does where y is cut. `part`: width numbers to work with.
CORNU_CLONES void slopes(const float* y, const float* dy, float* dx, int64_t n, int64_t width,
                         float* part, double* total) {
  while (n > 0) {
    std::fill_n(part, width, 0.0f);
    for (int64_t step = 0; step < kSteps && n > 0; ++step) {
      const int64_t many = std::min(n, width);
      for (int64_t i = 0; i < many; ++i) {
        const float slope = y[i] <= 0.0f ? 0.0f : dy[i];
        dx[i] = slope;
        part[i] += slope;
      }
      y += many, dy += many, dx += many, n -= many;
    }
    for (int64_t i = 0; i < width; ++i) total[i] += part[i];
  }
}

// The same for all rows of a number for each channel, in parts; their sums are added in turn, so
// that a run gives the same bits as the next.
void slopes(const float* y, const float* dy, float* dx, int64_t rows, int64_t channels,
            float* total) {
  const int64_t width = (kLanes + channels - 1) / channels * channels;
  const int64_t parts = threads(), room = width + kLanes;  // of one part
  auto* sums = static_cast<double*>(scratch(0, parts * room * sizeof(double)));
  auto* work = static_cast<float*>(scratch(1, parts * room * sizeof(float)));
  std::fill_n(sums, parts * room, 0.0);
  parallel(rows, [&](int64_t begin, int64_t end) {
    const int64_t t = begin / part_of(rows) * room, from = begin * channels;
    slopes(y + from, dy + from, dx + from, (end - begin) * channels, width, work + t, sums + t);
  });
  for (int64_t c = 0; c < channels; ++c) {
    double sum = 0;
    for (int64_t t = 0; t < parts; ++t)
      for (int64_t i = c; i < width; i += channels) sum += sums[t * room + i];
    total[c] = static_cast<float>(sum);
  }
}

using Floats = ffi::Buffer<ffi::F32>;
using FloatsOut = ffi::ResultBuffer<ffi::F32>;

ffi::Error CutSlopes(ffi::ThreadPool pool, Floats y, Floats dy, FloatsOut dx, FloatsOut total) {
  const int64_t channels = total->element_count(), size = y.element_count();
  return run(static_cast<double>(size), pool, [&] {
    slopes(y.typed_data(), dy.typed_data(), dx->typed_data(), channels ? size / channels : 0,
           channels, total->typed_data());
  });
}

CORNU_HANDLER(cornu_cut_slopes, CutSlopes,
              ffi::Ffi::Bind()
                  .Ctx<ffi::ThreadPool>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>());

}  // namespace
}  // namespace cornu

// Gradients of the weights of convolutions from one to four channels, like a network's first, on
// CPUs with AVX-512.
//
// The slopes are most of what is read, and a window of all channels has few numbers: their sums
// stay in registers for some rows of slopes, which stay in the first cache if the window has more.
//
// CPU ms of one core, here / by oneDNN (a busy machine, the least of hundreds), batch 64:
// 28x28x1 to 32, 3x3: 0.24/0.35, to 64: 0.75/1.6; 32x32x3 to 32, 3x3: 0.83/0.92; batch 16: 36x36x3
// to 64, 5x5: 1.09/1.22; batch 4: 224x224x3 to 64, 7x7 / 2: 6.0/7.7, 11x11 / 4: 4.0/4.6; to 32,
// 3x3 / 2: 0.81/0.88; batch 2: to 64, 3x3: 5.8/8.6. oneDNN leaves out the zeros around a picture,
// and is faster where these are many: 12x12x3 to 64, 5x5: 0.60/0.55; and where there are fewer sums
// at once: 28x28x1 to 32, 5x5: 0.86/0.74, to 16: 0.41/0.29. AVX2 has too few registers: 32x32x3 to
// 32: 1.45/1.34.
#include "stem.h"

#include <array>

#include "band.h"

namespace cornu::stem {
namespace {

constexpr int64_t kRoom = 1 << 17;    // numbers of a band
constexpr int64_t kAtOnce = 1 << 12;  // slopes at a time
constexpr int64_t kLong = 14;         // most numbers of one row of the window at once
constexpr int64_t kShort = 4;         // most numbers of each of kDown rows
constexpr int64_t kDown = 3;

// Rows of slopes and their windows in x, `step_y` and `step_x` numbers apart; a row of the window
// is `row` numbers on in x and `run` lines on in the sums, (lines, filters).
struct Rows {
  const float *x, *dy;
  float* sums;
  int64_t rows, places, step_y, step_x, row, run, filters;
};

#define LANES 16
#define ISA __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))
#include "lanes.h"

constexpr int64_t kVectors = 2, kFilters = kVectors * LANES;

// Adds what rows of slopes give to sums: of RUN numbers side by side in each of DOWN rows of the
// window, for kFilters filters.
template <int64_t DOWN, int64_t RUN>
ISA void add(const Rows& r) {
  Vec sums[DOWN * RUN][kVectors] = {};
  const float* dy = r.dy;
  for (int64_t row = 0; row < r.rows; ++row) {
    const float* x = r.x + row * r.step_y;
    for (int64_t place = 0; place < r.places; ++place, x += r.step_x, dy += r.filters) {
      const Vec slopes[kVectors] = {load(dy), load(dy + LANES)};
      UNROLL for (int64_t down = 0; down < DOWN; ++down) {
        _Pragma("GCC unroll 16") for (int64_t i = 0; i < RUN; ++i) {
          const Vec here = fill(x[down * r.row + i]);
          UNROLL for (int64_t v = 0; v < kVectors; ++v)
            sums[down * RUN + i][v] += here * slopes[v];
        }
      }
    }
  }
  UNROLL for (int64_t down = 0; down < DOWN; ++down) {
    _Pragma("GCC unroll 16") for (int64_t i = 0; i < RUN; ++i) {
      float* to = r.sums + (down * r.run + i) * r.filters;
      UNROLL for (int64_t v = 0; v < kVectors; ++v)
        store(to + v * LANES, load(to + v * LANES) + sums[down * RUN + i][v]);
    }
  }
}

#undef INLINE
#undef UNROLL

using Add = void (*)(const Rows&);

// Those for runs of 1, 2, and so on.
template <int64_t DOWN, size_t... I>
constexpr std::array<Add, sizeof...(I)> each(std::index_sequence<I...>) {
  return {add<DOWN, static_cast<int64_t>(I) + 1>...};
}
constexpr auto ONE_ROW = each<1>(std::make_index_sequence<kLong>());
constexpr auto THREE_ROWS = each<kDown>(std::make_index_sequence<kShort>());

// The same for the whole window; a long row of it is taken in equal pieces.
void add_window(const Shape& s, const Rows& all) {
  const bool brief = all.run <= kShort;
  const int64_t down = brief ? kDown : 1;
  const int64_t piece = Band::parts(all.run, Band::parts(all.run, kLong));
  for (int64_t y = 0; y < s.window_y; y += down)
    for (int64_t i = 0; i < all.run; i += piece) {
      const int64_t last = std::min(piece, all.run - i) - 1;
      for (int64_t f = 0; f < s.filters; f += kFilters) {
        Rows some = all;
        some.x += y * all.row + i, some.dy += f, some.sums += (y * all.run + i) * s.filters + f;
        brief ? THREE_ROWS[last](some) : ONE_ROW[last](some);
      }
    }
}

float* room(int slot, int64_t numbers) {
  return static_cast<float*>(scratch(slot, numbers * sizeof(float)));
}

enum Slot { kSums = 3, kRows };

}  // namespace

bool takes(const Shape& s) {
  const int64_t run = s.window_x * s.channels;
  const bool many_sums = 2 * run >= kLong || (run <= kShort && s.window_y % kDown == 0);
  return widest() == LANES && s.channels <= 4 && s.filters % kFilters == 0 && many_sums &&
         s.out_width > 4 * s.window_x;
}

void weights(const Shape& s, const float* x, const float* dy, float* dw) {
  const Band band(s, kRoom);
  const int64_t run = s.window_x * s.channels, size = s.window_y * run * s.filters;
  const int64_t bands = Band::parts(s.out_height, band.places), count = s.batch * bands;
  const int64_t parts = Band::parts(count, part_of(count));
  const int64_t at_once = std::max<int64_t>(1, kAtOnce / (s.out_width * s.filters));
  float* sums = room(kSums, parts * size);
  parallel(count, [&](int64_t begin, int64_t end) {
    float* own = sums + begin / part_of(count) * size;
    float* rows = room(kRows, band.size);
    std::fill_n(own, size, 0.0f);
    for (int64_t n = begin; n < end; ++n) {
      const int64_t picture = n / bands, first = n % bands * band.places;
      const int64_t last = std::min(first + band.places, s.out_height);
      band.fill(s, x + picture * s.height * s.width * s.channels, first * s.stride_y - s.low_y,
                rows);
      for (int64_t i = first; i < last; i += at_once)
        add_window(s, {rows + (i - first) * s.stride_y * band.row,
                       dy + (picture * s.out_height + i) * s.out_width * s.filters, own,
                       std::min(at_once, last - i), s.out_width, s.stride_y * band.row,
                       s.stride_x * s.channels, band.row, run, s.filters});
    }
  });
  for (int64_t i = 0; i < size; ++i) {
    float sum = 0;
    for (int64_t part = 0; part < parts; ++part) sum += sums[part * size + i];
    dw[i] = sum;
  }
}

}  // namespace cornu::stem

// Convolutions onto one to four filters: sums in vectors of channels, added up across at the end.
//
// oneDNN has vectors of filters, and with so few most of each is zeros. A band of a picture is
// copied next to zeros, which stays in the second cache, so that no window ends outside.
//
// CPU ms of one core with AVX-512, here / by oneDNN, batch 128, 3x3 (a busy machine, the least of
// 40): 28x28x16 to 1: 0.8/3.3, its weights from 1 to 16: 0.3/2.7; as gradients of the data:
// 28x28x1 from 32: 1.4/5.9; 32x32x3 from 32: 4.6/8.8.
#include "few.h"

#include "band.h"

namespace cornu::few {
namespace {

constexpr int64_t MOST = 4;        // filters
constexpr int64_t ROOM = 1 << 17;  // numbers of a band
constexpr int64_t WIDEST = 16;     // lanes

// A row of results. A window is `windows` runs of `run` numbers, `row` numbers apart, the next one
// begins `step` numbers on; `w` has a window for each filter; `bias` is repeated along a vector.
struct Row {
  const float *x, *w, *bias;
  int64_t places, windows, run, row, step;
  bool relu;
  float* y;
};

struct Lanes {
  int lanes;
  void (*row[MOST])(const Row&);
};

#define EACH_WIDTH "few_lanes.h"
#include "widths.h"

// Null where vectors are too short to be worth it.
const Lanes* lanes() {
  return widest() == 16 ? &wide::all : widest() == 8 ? &middle::all : nullptr;
}

float* room(int slot, int64_t numbers) {
  return static_cast<float*>(scratch(slot, numbers * sizeof(float)));
}

enum Slot { kWeights = 3, kRows };

}  // namespace

bool takes(const Shape& s) {
  const Lanes* best = lanes();
  return best != nullptr && s.filters <= MOST && s.channels % best->lanes == 0 &&
         s.window_y * s.window_x * s.channels <= ROOM / 16;
}

void forward(const Shape& s, const float* x, const float* w, const float* bias, bool relu,
             float* y) {
  const Lanes& use = *lanes();
  const Band band(s, ROOM);  // what is computed WIDEST at a time is read behind its last row
  const int64_t run = s.window_x * s.channels, size = s.window_y * run;
  float* turned = room(kWeights, s.filters * size);
  for (int64_t f = 0; f < s.filters; ++f)
    for (int64_t i = 0; i < size; ++i) turned[f * size + i] = w[i * s.filters + f];
  float repeated[WIDEST] = {};
  for (int64_t i = 0; bias != nullptr && i < WIDEST; ++i) repeated[i] = bias[i % s.filters];
  const int64_t bands = Band::parts(s.out_height, band.places);
  parallel(s.batch * bands, [&](int64_t begin, int64_t end) {
    const int64_t behind = WIDEST * s.stride_x * s.channels;
    float* rows = room(kRows, band.size + behind);
    std::fill_n(rows + band.size, behind, 0.0f);
    for (int64_t n = begin; n < end; ++n) {
      const int64_t picture = n / bands, first = n % bands * band.places;
      const int64_t last = std::min(first + band.places, s.out_height);
      band.fill(s, x + picture * s.height * s.width * s.channels, first * s.stride_y - s.low_y,
                rows);
      for (int64_t i = first; i < last; ++i) {
        float* to = y + (picture * s.out_height + i) * s.out_width * s.filters;
        use.row[s.filters - 1]({rows + (i - first) * s.stride_y * band.row, turned, repeated,
                                s.out_width, s.window_y, run, band.row, s.stride_x * s.channels,
                                relu, to});
      }
    }
  });
}

}  // namespace cornu::few

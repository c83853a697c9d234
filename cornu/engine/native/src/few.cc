// Convolutions onto one to four filters: sums in vectors of channels, added up across at the end.
//
// oneDNN has vectors of filters, and with so few most of each is zeros. A band of a picture is
// copied next to zeros, which stays in the second cache, so that no window ends outside.
//
// CPU ms of one core with AVX-512, here / by oneDNN, batch 128, 3x3 (a busy machine, the least of
// 40): 28x28x16 to 1: 0.8/3.3, its weights from 1 to 16: 0.3/2.7; as gradients of the data:
// 28x28x1 from 32: 1.4/5.9; 32x32x3 from 32: 4.6/8.8.
#include "few.h"

#include "common.h"

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

// Rows of a picture with the zeros around them, for `places` rows of results. Those are computed
// WIDEST at a time: what is read behind the last one is room, and goes into no result.
struct Band {
  int64_t places, rows, columns, row, size;

  explicit Band(const Shape& s)
      : places(s.out_height), columns((s.out_width - 1) * s.stride_x + s.window_x) {
    row = columns * s.channels;
    const int64_t most = (ROOM / row - s.window_y) / s.stride_y + 1;
    const int64_t count = parts(s.out_height, std::max<int64_t>(most, 1));
    const int64_t team = threads();
    places = parts(s.out_height, s.batch < team ? std::max(count, team) : count);
    rows = (places - 1) * s.stride_y + s.window_y;
    size = rows * row + WIDEST * s.stride_x * s.channels;
  }
  static int64_t parts(int64_t n, int64_t size_or_count) {
    return (n + size_or_count - 1) / size_or_count;
  }
};

// Fills it from row `top` of a picture on, which may be before or behind it.
void fill(const Shape& s, const Band& b, const float* picture, int64_t top, float* to) {
  const int64_t width = std::min(s.width, b.columns - s.low_x) * s.channels;
  const int64_t before = s.low_x * s.channels, behind = b.row - before - width;
  for (int64_t y = top; y < top + b.rows; ++y, to += b.row) {
    const bool outside = y < 0 || y >= s.height || width <= 0;
    std::fill_n(to, outside ? b.row : before, 0.0f);
    if (outside) continue;
    std::copy_n(picture + y * s.width * s.channels, width, to + before);
    std::fill_n(to + before + width, behind, 0.0f);
  }
}

}  // namespace

bool takes(const Shape& s) {
  const Lanes* best = lanes();
  return best != nullptr && s.filters <= MOST && s.channels % best->lanes == 0 &&
         s.window_y * s.window_x * s.channels <= ROOM / 16;
}

void forward(const Shape& s, const float* x, const float* w, const float* bias, bool relu,
             float* y) {
  const Lanes& use = *lanes();
  const Band band(s);
  const int64_t run = s.window_x * s.channels, size = s.window_y * run;
  float* turned = room(kWeights, s.filters * size);
  for (int64_t f = 0; f < s.filters; ++f)
    for (int64_t i = 0; i < size; ++i) turned[f * size + i] = w[i * s.filters + f];
  float repeated[WIDEST] = {};
  for (int64_t i = 0; bias != nullptr && i < WIDEST; ++i) repeated[i] = bias[i % s.filters];
  const int64_t bands = Band::parts(s.out_height, band.places);
  parallel(s.batch * bands, [&](int64_t begin, int64_t end) {
    float* rows = room(kRows, band.size);
    std::fill(rows + band.rows * band.row, rows + band.size, 0.0f);
    for (int64_t n = begin; n < end; ++n) {
      const int64_t picture = n / bands, first = n % bands * band.places;
      const int64_t last = std::min(first + band.places, s.out_height);
      fill(s, band, x + picture * s.height * s.width * s.channels, first * s.stride_y - s.low_y,
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

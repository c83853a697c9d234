// Convolutions of 3x3 windows in steps of one, by Winograd's F(4x4, 3x3).
//
// Tiles of 4x4 results are made from 6x6 inputs: as polynomials in both axes at 36 points, where a
// convolution is a product. That takes 36 multiplications for each tile, channel and filter instead
// of 144; the transforms cost one turn over channels and filters, not over their product. With the
// points 0, 3/4, -3/4, 3/2, -3/2 and infinity all numbers of the transforms of inputs and results
// are exact, and errors stay below three times those of direct sums (1 to 2e-6 of the largest
// result for 16 to 256 channels; with the usual 0, 1, -1, 2, -2: 2 to 7e-6).
//
// CPU ms of forward, data, weights, as tiles / by oneDNN, 2 cores with AVX-512, batch 128, 3x3:
// 26x26x32 to 64: 5.6/12.3, 6.7/10.5, 4.0/10.0; 32x32x16 to 16 and 8x8x64 to 64 about as much less.
//
// Source: Lavin & Gray, "Fast Algorithms for Convolutional Neural Networks", 2015; on points:
// Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd Convolution", 2020.
#include "winograd.h"

#include "common.h"

namespace cornu::winograd {
namespace {

constexpr int POINTS = 36;
constexpr int64_t SIDE = 4;  // of a tile of results

constexpr float A = 0.75f, B = 1.5f, AA = A * A, BB = B * B;  // the points besides 0 and infinity
constexpr float F0 = 1 / (AA * BB), FA = 1 / (2 * AA * (AA - BB)), FB = 1 / (2 * BB * (BB - AA));

// Where a tile lies: its picture, and its first row and column in y.
struct Place {
  int64_t picture, y, x;
};

struct Tiles {
  int64_t down, across, count;

  explicit Tiles(const Shape& s)
      : down((s.out_height + SIDE - 1) / SIDE),
        across((s.out_width + SIDE - 1) / SIDE),
        count(s.batch * down * across) {}
  Place at(int64_t t) const {
    const int64_t row = t / across;
    return {row / down, row % down * SIDE, t % across * SIDE};
  }
};

// The left side of a product: numbers to the next row, and to the next of those that are summed.
struct Factor {
  const float* start;
  int64_t row, step;
};

// A matrix by blocks of columns: numbers to the next row, and to the next block.
template <class Number>
struct Blocks {
  Number* start;
  int64_t step, block;
};

struct Forward {
  Shape shape;
  const float *x, *packed, *bias;
  bool relu;
  float* y;
};

// Numbers from one point to the next: a little more than there are, so that the same place at all
// points does not fall on the same few lines of a cache.
constexpr int64_t plane_of(int64_t numbers) { return numbers + 16; }

// The same for weights, by whole blocks of filters.
constexpr int64_t packed_plane(int64_t channels, int64_t filters, int64_t block) {
  return plane_of((filters + block - 1) / block * block * channels);
}

struct Lanes {
  int lanes;
  int64_t block;
  void (*spread_weights)(const float*, int64_t, int64_t, int64_t, int64_t, float*);
  void (*forward)(const Forward&, int64_t, int64_t, int64_t, float*, float*);
  void (*weights)(const Shape&, const float*, const float*, int64_t, int64_t, int64_t, float*,
                  float*, float*);
  void (*gather_weights)(const float* const*, int64_t, int64_t, int64_t, int64_t, int64_t, float*);
};

#define EACH_WIDTH "winograd_lanes.h"
#include "widths.h"

// Null where vectors are too short to be worth it.
const Lanes* lanes() {
  return widest() == 16 ? &wide::all : widest() == 8 ? &middle::all : nullptr;
}

// Tiles for which reading the weights at the points once takes no longer than two turns over the
// tiles themselves, when both come from afar.
int64_t worthwhile(const Shape& s) {
  return std::max<int64_t>(24, s.channels * s.filters / (2 * (s.channels + s.filters)));
}

// Tiles at a time: what they need at the points stays in the second cache, if the weights do too.
constexpr int64_t ROOM = 1 << 18;  // numbers
int64_t at_once(const Shape& s) {
  const int64_t most = std::min<int64_t>(ROOM / (POINTS * (s.channels + s.filters)), 96);
  return std::max(most, worthwhile(s)) / 12 * 12;
}

float* room(int slot, int64_t numbers) {
  return static_cast<float*>(scratch(slot, numbers * sizeof(float)));
}

enum Slot { kPacked, kTurned, kData, kSums, kParts };

}  // namespace

bool takes(const Shape& s) {
  const Lanes* best = lanes();
  if (best == nullptr) return false;
  const int64_t few = std::min(s.channels, s.filters), many = std::max(s.channels, s.filters);
  if (few < 16 || many > 256 || s.channels % best->lanes || s.filters % best->lanes) return false;
  const Tiles tiles(s);
  const int64_t results = s.batch * s.out_height * s.out_width;
  return tiles.count >= worthwhile(s) && 2 * results >= tiles.count * SIDE * SIDE;
}

void forward(const Shape& s, const float* x, const float* w, const float* bias, bool relu,
             float* y) {
  const Lanes& use = *lanes();
  float* packed = room(kPacked, POINTS * packed_plane(s.channels, s.filters, use.block));
  const auto spread_weights = [&](int64_t begin, int64_t end) {
    use.spread_weights(w, s.channels, s.filters, begin, end, packed);
  };
  const Forward job{s, x, packed, bias, relu, y};
  const int64_t most = at_once(s), count = Tiles(s).count;
  const auto multiply = [&](int64_t begin, int64_t end) {
    float* data = room(kData, POINTS * plane_of(most * s.channels));
    float* sums = room(kSums, POINTS * plane_of(most * s.filters));
    use.forward(job, begin, end, most, data, sums);
  };
  in_phases({{s.channels, part_of(s.channels), spread_weights}, {count, part_of(count), multiply}});
}

// A convolution as well: of the slopes, with the window turned round.
void data(const Shape& s, const float* dy, const float* w, float* dx) {
  const int64_t size = s.channels * s.filters;
  float* turned = room(kTurned, 9 * size);
  parallel(9, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const float* from = w + (8 - i) * size;
      for (int64_t f = 0; f < s.filters; ++f)
        for (int64_t c = 0; c < s.channels; ++c)
          turned[i * size + f * s.channels + c] = from[c * s.filters + f];
    }
  });
  const Shape back{s.batch, s.out_height, s.out_width, s.filters,  s.height,
                   s.width, s.channels,   2 - s.low_y, 2 - s.low_x};
  forward(back, dy, turned, nullptr, false, dx);
}

void weights(const Shape& s, const float* x, const float* dy, float* dw) {
  const Lanes& use = *lanes();
  const int64_t most = at_once(s), size = POINTS * packed_plane(s.channels, s.filters, use.block);
  const int64_t count = Tiles(s).count;
  float* sums = room(kParts, threads() * size);
  std::vector<const float*> parts;
  for (int64_t i = 0; i < count; i += part_of(count)) parts.push_back(sums + parts.size() * size);
  const auto multiply = [&](int64_t begin, int64_t end) {
    float* data = room(kData, POINTS * plane_of(most * s.channels));
    float* slopes = room(kSums, POINTS * plane_of(most * s.filters));
    float* part = sums + begin / part_of(count) * size;
    use.weights(s, x, dy, begin, end, most, data, slopes, part);
  };
  const auto gather = [&](int64_t begin, int64_t end) {
    use.gather_weights(parts.data(), parts.size(), s.channels, s.filters, begin, end, dw);
  };
  in_phases({{count, part_of(count), multiply}, {s.channels, part_of(s.channels), gather}});
}

}  // namespace cornu::winograd

// Rows of normalization for one width of vectors; normalization.cc includes this once for each.
//
// Needs LANES, ISA and WIDTH as lanes.h and widths.h say. A function of a column takes COUNT vectors
// of kind V side by side through all rows of a block; V is Vec, or float for what is left over.

namespace WIDTH {

#include "lanes.h"

INLINE void take(const float* from, Vec& v) { v = load(from); }
INLINE void take(const float* from, float& v) { v = *from; }
INLINE void put(float* to, Vec v) { store(to, v); }
INLINE void put(float* to, float v) { *to = v; }

template <class V>
INLINE V got(const float* from) {
  V v;
  take(from, v);
  return v;
}

// NaN is not below zero.
template <class V>
INLINE V behind(V y, V slope) {
  return y <= 0.0f ? V{} : slope;
}

// COLUMNS(f<...>, arguments): f for all columns of a block, its first argument where each begins.
#define COLUMNS(KIND, NAME, ...)                                                      \
  int64_t i = 0;                                                                      \
  for (; i + 4 * LANES <= b.lanes; i += 4 * LANES) NAME<KIND, Vec, 4>(i, __VA_ARGS__); \
  for (; i + LANES <= b.lanes; i += LANES) NAME<KIND, Vec, 1>(i, __VA_ARGS__);        \
  for (; i < b.lanes; ++i) NAME<KIND, float, 1>(i, __VA_ARGS__)

template <Kind, class V, int COUNT>
INLINE void sums_of(int64_t i, const Block& b, const float* x, const float* about, float* s,
                    float* squares) {
  constexpr int64_t each = sizeof(V) / sizeof(float);
  V from[COUNT], sum[COUNT] = {}, square[COUNT] = {};
  UNROLL for (int k = 0; k < COUNT; ++k) from[k] = got<V>(about + i + k * each);
  x += b.begin + i;
  for (int64_t step = 0; step < b.steps; ++step, x += b.lanes) {
    UNROLL for (int k = 0; k < COUNT; ++k) {
      const V d = got<V>(x + k * each) - from[k];
      sum[k] += d;
      square[k] += d * d;
    }
  }
  UNROLL for (int k = 0; k < COUNT; ++k) {
    put(s + i + k * each, sum[k]);
    put(squares + i + k * each, square[k]);
  }
}

ISA static void sums(const Block& b, const float* x, const float* about, float* s,
                     float* squares) {
  COLUMNS(ALONE, sums_of, b, x, about, s, squares);
}

// What is the same for all rows, of COUNT vectors side by side.
template <class V, int COUNT>
struct Known {
  V mean[COUNT], factor[COUNT], offset[COUNT];
};

template <class V, int COUNT>
INLINE Known<V, COUNT> known(const Line& line, int64_t i) {
  constexpr int64_t each = sizeof(V) / sizeof(float);
  Known<V, COUNT> found;
  UNROLL for (int k = 0; k < COUNT; ++k) {
    found.mean[k] = got<V>(line.mean + i + k * each);
    found.factor[k] = got<V>(line.factor + i + k * each);
    found.offset[k] = got<V>(line.offset + i + k * each);
  }
  return found;
}

template <Kind KIND, class V, int COUNT>
INLINE void normalize_of(int64_t i, const Block& b, const Line& line, const Arrays& a) {
  constexpr int64_t each = sizeof(V) / sizeof(float);
  const Known<V, COUNT> at = known<V, COUNT>(line, i);
  for (int64_t step = 0, j = b.begin + i; step < b.steps; ++step, j += b.lanes) {
    UNROLL for (int k = 0; k < COUNT; ++k) {
      V y = (got<V>(a.x + j + k * each) - at.mean[k]) * at.factor[k] + at.offset[k];
      if (KIND == BESIDE) y += got<V>(a.beside + j + k * each);
      put(a.y + j + k * each, KIND == ALONE ? y : behind(y, y));
    }
  }
}

template <Kind KIND>
ISA static void normalize(const Block& b, const Line& line, const Arrays& a) {
  COLUMNS(KIND, normalize_of, b, line, a);
}

// The slope behind the cut: where that was is seen from y, or from x where nothing was added.
template <Kind KIND, class V>
INLINE V slope(const Arrays& a, int64_t j, V y) {
  const V dy = got<V>(a.dy + j);
  if (KIND == ALONE) return dy;
  return behind(KIND == CUT ? y : got<V>(a.y + j), dy);
}

template <Kind KIND, class V, int COUNT>
INLINE void total_of(int64_t i, const Block& b, const Line& line, const Arrays& a, float* s,
                     float* t) {
  constexpr int64_t each = sizeof(V) / sizeof(float);
  const Known<V, COUNT> at = known<V, COUNT>(line, i);
  V sum[COUNT] = {}, moved[COUNT] = {};
  for (int64_t step = 0, j = b.begin + i; step < b.steps; ++step, j += b.lanes) {
    UNROLL for (int k = 0; k < COUNT; ++k) {
      const V far = got<V>(a.x + j + k * each) - at.mean[k];
      const V g = slope<KIND, V>(a, j + k * each, far * at.factor[k] + at.offset[k]);
      if (KIND == BESIDE) put(a.dz + j + k * each, g);
      sum[k] += g;
      moved[k] += g * far;
    }
  }
  UNROLL for (int k = 0; k < COUNT; ++k) {
    put(s + i + k * each, sum[k]);
    put(t + i + k * each, moved[k]);
  }
}

template <Kind KIND>
ISA static void total(const Block& b, const Line& line, const Arrays& a, float* s, float* t) {
  COLUMNS(KIND, total_of, b, line, a, s, t);
}

template <Kind KIND, class V, int COUNT>
INLINE void inner_of(int64_t i, const Block& b, const Line& line, const Arrays& a,
                     const float* tilts, const float* levels) {
  constexpr int64_t each = sizeof(V) / sizeof(float);
  const Known<V, COUNT> at = known<V, COUNT>(line, i);
  V tilt[COUNT], level[COUNT];
  UNROLL for (int k = 0; k < COUNT; ++k) {
    tilt[k] = got<V>(tilts + i + k * each);
    level[k] = got<V>(levels + i + k * each);
  }
  for (int64_t step = 0, j = b.begin + i; step < b.steps; ++step, j += b.lanes) {
    UNROLL for (int k = 0; k < COUNT; ++k) {
      const V far = got<V>(a.x + j + k * each) - at.mean[k];
      const V y = far * at.factor[k] + at.offset[k];
      const int64_t here = j + k * each;
      const V g = KIND == BESIDE ? got<V>(a.dz + here) : slope<KIND, V>(a, here, y);
      put(a.dx + here, g * at.factor[k] - far * tilt[k] - level[k]);
    }
  }
}

template <Kind KIND>
ISA static void inner(const Block& b, const Line& line, const Arrays& a, const float* tilts,
                      const float* levels) {
  COLUMNS(KIND, inner_of, b, line, a, tilts, levels);
}

const Lanes all = {sums,
                   {normalize<ALONE>, normalize<CUT>, normalize<BESIDE>},
                   {total<ALONE>, total<CUT>, total<BESIDE>},
                   {inner<ALONE>, inner<CUT>, inner<BESIDE>}};

#undef COLUMNS
#undef INLINE
#undef UNROLL

}  // namespace WIDTH

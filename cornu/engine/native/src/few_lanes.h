// The kernel of `few.cc` for vectors of LANES floats; see lanes.h.

namespace WIDTH {

#include "lanes.h"

#ifdef __clang__
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#elif LANES == 16
typedef int Places __attribute__((vector_size(64)));
#define PICK(a, b, ...) __builtin_shuffle(a, b, (Places){__VA_ARGS__})
#else
typedef int Places __attribute__((vector_size(32)));
#define PICK(a, b, ...) __builtin_shuffle(a, b, (Places){__VA_ARGS__})
#endif

// Sums of neighbours: those of a, then those of b.
INLINE Vec neighbours(Vec a, Vec b) {
#if LANES == 16
  return PICK(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) +
         PICK(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
#else
  return PICK(a, b, 0, 2, 4, 6, 8, 10, 12, 14) + PICK(a, b, 1, 3, 5, 7, 9, 11, 13, 15);
#endif
}

// Results of a row of windows: LANES / FILTERS places at a time, whose sums become one vector.
template <int FILTERS>
ISA static void row(const Row& r) {
  constexpr int AT_ONCE = LANES / FILTERS;
  const int64_t size = r.windows * r.run;  // numbers of a window
  for (int64_t first = 0; first < r.places; first += AT_ONCE) {
    Vec sums[LANES] = {};
    const float* x = r.x + first * r.step;
    const float* w = r.w;
    for (int64_t i = 0; i < r.windows; ++i, x += r.row, w += r.run) {
      for (int64_t n = 0; n < r.run; n += LANES) {
        Vec beside[FILTERS];
        UNROLL for (int f = 0; f < FILTERS; ++f) beside[f] = load(w + f * size + n);
        _Pragma("GCC unroll 16") for (int p = 0; p < AT_ONCE; ++p) {
          const Vec here = load(x + p * r.step + n);
          UNROLL for (int f = 0; f < FILTERS; ++f) sums[p * FILTERS + f] += here * beside[f];
        }
      }
    }
    _Pragma("GCC unroll 4") for (int left = LANES; left > 1; left /= 2) {
      UNROLL for (int i = 0; i < left / 2; ++i) sums[i] = neighbours(sums[2 * i], sums[2 * i + 1]);
    }
    Vec found = sums[0] + load(r.bias);
    if (r.relu) found = found <= 0 ? Vec{} : found;
    float* to = r.y + first * FILTERS;
    const int64_t rest = (r.places - first) * FILTERS;
    float apart[LANES];
    store(apart, found);
    for (int64_t i = 0; i < AT_ONCE * FILTERS && i < rest; ++i) to[i] = apart[i];
  }
}

const Lanes all = {LANES, {row<1>, row<2>, row<3>, row<4>}};

#undef INLINE
#undef UNROLL
#undef PICK

}  // namespace WIDTH

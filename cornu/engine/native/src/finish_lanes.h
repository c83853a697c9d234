// A bias and an activation, for one width of vectors; finish.cc includes this once for each.
//
// Needs LANES, ISA and WIDTH as lanes.h means them, and <immintrin.h>.

namespace WIDTH {

#include "exponential.h"

INLINE Vec linear(Vec x) { return x; }
INLINE Vec relu(Vec x) { return x <= 0.0f ? Vec{} : x; }  // a NaN stays one

template <Vec ACTIVATION(Vec)>
ISA static void finish(float* start, int64_t row, int64_t rows, int64_t columns,
                       const float* bias) {
  for (int64_t i = 0; i < rows; ++i, start += row) {
    for (int64_t j = 0; j < columns; j += LANES) {
      const int64_t left = columns - j;
      store(start + j, ACTIVATION(load(start + j, left) + load(bias + j, left)), left);
    }
  }
}

constexpr Finish all[] = {finish<linear>, finish<relu>, finish<sigmoid>, finish<tanh>};

#undef INLINE
#undef UNROLL
}  // namespace WIDTH

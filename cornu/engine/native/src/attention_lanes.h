// What attention does with a row of scores, for one width of vectors; attention.cc includes it.

namespace WIDTH {

#include "rowwise_parts.h"

// row * scale where it counts, which is where `seen` says so (null: everywhere) among the first
// `many`; `rest` elsewhere.
INLINE void counted(float* row, int64_t n, float scale, const uint8_t* seen, int64_t many,
                    float rest) {
  if (seen) {
    for (int64_t i = 0; i < many; ++i) row[i] = seen[i] ? row[i] * scale : rest;
  } else {
    for (int64_t i = 0; i < many; ++i) row[i] *= scale;
  }
  for (int64_t i = many; i < n; ++i) row[i] = rest;
}

// Scores become weights: what does not count is far below all others.
ISA static void weigh(float* row, int64_t n, float scale, const uint8_t* seen, int64_t many) {
  counted(row, n, scale, seen, many, LEAST);
  softmax_row(row, row, n);
}

// Slopes of weights become those of products: 0 where they do not count.
ISA static void weigh_back(const float* weights, float* row, int64_t n, float scale,
                           const uint8_t* seen, int64_t many) {
  softmax_row_back(weights, row, row, n);
  counted(row, n, scale, seen, many, 0.0f);
}

#undef INLINE
#undef UNROLL
}  // namespace WIDTH

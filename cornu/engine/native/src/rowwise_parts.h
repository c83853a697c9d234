// Softmax of one row, and its slope; included as exponential.h is.

#include "exponential.h"

// A NaN is no largest number, and makes its row NaN by the sum.
INLINE float largest(const float* x, int64_t n) {
  Vec top = fill(-__builtin_inff());
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    Vec v = load(x + i);
    top = v > top ? v : top;
  }
  float most = top[0];
  for (int lane = 1; lane < LANES; ++lane) most = top[lane] > most ? top[lane] : most;
  for (; i < n; ++i) most = x[i] > most ? x[i] : most;
  return most;
}

INLINE void softmax_row(const float* from, float* to, int64_t n) {
  Vec most = fill(largest(from, n)), sums = {};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) {
    Vec power = exp_below(load(from + i) - most);
    sums += power;
    store(to + i, power);
  }
  if (i < n) {
    Vec power = exp_below(load(from + i, n - i) - most);
    store(to + i, power, n - i);
    sums += first(power, n - i);
  }
  Vec factor = fill(1.0f / total(sums));
  for (i = 0; i + LANES <= n; i += LANES) store(to + i, load(to + i) * factor);
  if (i < n) store(to + i, load(to + i, n - i) * factor, n - i);
}

// y * (dy - sum(y * dy))
INLINE void softmax_row_back(const float* y, const float* dy, float* dx, int64_t n) {
  Vec sums = {};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) sums += load(y + i) * load(dy + i);
  if (i < n) sums += load(y + i, n - i) * load(dy + i, n - i);
  Vec sum = fill(total(sums));
  for (i = 0; i + LANES <= n; i += LANES) store(dx + i, load(y + i) * (load(dy + i) - sum));
  if (i < n) store(dx + i, load(y + i, n - i) * (load(dy + i, n - i) - sum), n - i);
}

// What is computed row by row, for one width of vectors; rowwise.cc includes this once for each.
//
// Needs LANES, ISA and WIDTH as lanes.h means them, and <immintrin.h>.

namespace WIDTH {

#include "rowwise_parts.h"

#include "logarithm.h"
#include "normal.h"

ISA static void softmax(const float* x, float* y, int64_t begin, int64_t end, int64_t n) {
  for (int64_t row = begin; row < end; ++row) softmax_row(x + row * n, y + row * n, n);
}

ISA static void softmax_back(const float* y, const float* dy, float* dx, int64_t begin, int64_t end,
                             int64_t n) {
  for (int64_t row = begin; row < end; ++row) {
    softmax_row_back(y + row * n, dy + row * n, dx + row * n, n);
  }
}

// ---------------------------------------------------------------- normalization of rows

struct Moments {
  float mean, ratio;  // ratio: 1 / sqrt(variance + epsilon)
};

INLINE Moments moments(const float* x, int64_t n, float epsilon) {
  Vec sums = {};
  int64_t i = 0;
  for (; i + LANES <= n; i += LANES) sums += load(x + i);
  if (i < n) sums += load(x + i, n - i);
  float mean = total(sums) / n;
  Vec centre = fill(mean), squares = {};
  for (i = 0; i + LANES <= n; i += LANES) {
    Vec apart = load(x + i) - centre;
    squares += apart * apart;
  }
  if (i < n) {
    Vec apart = first(load(x + i, n - i) - centre, n - i);
    squares += apart * apart;
  }
  return {mean, 1.0f / __builtin_sqrtf(total(squares) / n + epsilon)};
}

ISA static void normalize(const float* x, const float* gamma, const float* beta, float epsilon,
                          float* y, int64_t begin, int64_t end, int64_t n) {
  for (int64_t row = begin; row < end; ++row) {
    const float* from = x + row * n;
    float* to = y + row * n;
    const Moments found = moments(from, n, epsilon);
    Vec centre = fill(found.mean), ratio = fill(found.ratio);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
      store(to + i, (load(from + i) - centre) * (ratio * load(gamma + i)) + load(beta + i));
    }
    if (i == n) continue;
    Vec factor = ratio * load(gamma + i, n - i);
    store(to + i, (load(from + i, n - i) - centre) * factor + load(beta + i, n - i), n - i);
  }
}

// What one vector of a row gives to its sums, and to those of gamma and beta.
INLINE void gather(Vec apart, Vec gamma, Vec slope, Vec* sums, Vec* by_gamma, Vec* by_beta) {
  Vec by_apart = slope * gamma;
  sums[0] += by_apart;
  sums[1] += by_apart * apart;
  *by_gamma += slope * apart;
  *by_beta += slope;
}

// dx of rows, and what they add to the slopes of gamma and beta. dx may be dy.
ISA static void normalize_back(const float* x, const float* gamma, const float* dy, float epsilon,
                               float* dx, float* by_gamma, float* by_beta, int64_t begin,
                               int64_t end, int64_t n) {
  for (int64_t row = begin; row < end; ++row) {
    const float *from = x + row * n, *slope = dy + row * n;
    float* to = dx + row * n;
    const Moments found = moments(from, n, epsilon);
    Vec centre = fill(found.mean), ratio = fill(found.ratio), sums[2] = {};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
      Vec g = load(by_gamma + i), b = load(by_beta + i);
      gather((load(from + i) - centre) * ratio, load(gamma + i), load(slope + i), sums, &g, &b);
      store(by_gamma + i, g);
      store(by_beta + i, b);
    }
    if (i < n) {
      const int64_t left = n - i;
      Vec g = load(by_gamma + i, left), b = load(by_beta + i, left);
      Vec apart = (load(from + i, left) - centre) * ratio;
      gather(apart, load(gamma + i, left), load(slope + i, left), sums, &g, &b);
      store(by_gamma + i, g, left);
      store(by_beta + i, b, left);
    }
    Vec level = fill(total(sums[0]) / n), tilt = fill(total(sums[1]) / n);
    for (i = 0; i + LANES <= n; i += LANES) {
      Vec apart = (load(from + i) - centre) * ratio;
      store(to + i, (load(slope + i) * load(gamma + i) - level - apart * tilt) * ratio);
    }
    if (i == n) continue;
    const int64_t left = n - i;
    Vec apart = (load(from + i, left) - centre) * ratio;
    Vec by_apart = load(slope + i, left) * load(gamma + i, left);
    store(to + i, (by_apart - level - apart * tilt) * ratio, left);
  }
}

// ---------------------------------------------------------------- GELU

INLINE Vec gelu_slope(Vec x) {
  Normal at = normal(x);
  return at.below + x * at.power * 0.3989422804014327f;  // 1 / sqrt(2 * pi)
}

ISA static void gelu(const float* x, float* y, int64_t begin, int64_t end) {
  int64_t i = begin;
  for (; i + LANES <= end; i += LANES) store(y + i, gelu(load(x + i)));
  if (i < end) store(y + i, gelu(load(x + i, end - i)), end - i);
}

ISA static void gelu_back(const float* x, const float* dy, float* dx, int64_t begin, int64_t end) {
  int64_t i = begin;
  for (; i + LANES <= end; i += LANES) store(dx + i, gelu_slope(load(x + i)) * load(dy + i));
  if (i < end) {
    const int64_t left = end - i;
    store(dx + i, gelu_slope(load(x + i, left)) * load(dy + i, left), left);
  }
}

// Makes GELU of x of x, and its slope times dy of dy.
INLINE void gelu_and_slope(Vec& x, Vec& dy) {
  const Normal at = normal(x);
  dy = (at.below + x * at.power * 0.3989422804014327f) * dy;
  x = x * at.below;
}

ISA static void gelu_again(const float* x, const float* dy, float* y, float* dx, int64_t begin,
                           int64_t end) {
  int64_t i = begin;
  for (; i + LANES <= end; i += LANES) {
    Vec a = load(x + i), b = load(dy + i);
    gelu_and_slope(a, b);
    store(y + i, a);
    store(dx + i, b);
  }
  if (i < end) {
    const int64_t left = end - i;
    Vec a = load(x + i, left), b = load(dy + i, left);
    gelu_and_slope(a, b);
    store(y + i, a, left);
    store(dx + i, b, left);
  }
}

// ---------------------------------------------------------------- binary crossentropy

// -t * log(p) - (1 - t) * log(1 - p) with p kept from `least` to 1 - `least`.
INLINE Vec surprise(Vec p, Vec t, float least) {
  Vec within = p < least ? fill(least) : p > 1.0f - least ? fill(1.0f - least) : p;
  Vec rest = 1.0f - within;
  Vec lost = 1.0f - rest - within;  // in rounding `rest`
  Vec other = log_above(rest) + lost * inverse(rest);
  return (within - within) - t * log_above(within) - (1.0f - t) * other;  // of NaN it is NaN
}

// Its slope by p.
INLINE Vec surprise_slope(Vec p, Vec t, float least) {
  Vec slope = (p - t) * inverse(p * (1.0f - p));
  return p < least ? Vec{} : p > 1.0f - least ? Vec{} : slope;
}

// Means of rows.
ISA static void binary(const float* p, const float* t, float least, float* y, int64_t begin,
                       int64_t end, int64_t n) {
  for (int64_t row = begin; row < end; ++row) {
    const float *ps = p + row * n, *ts = t + row * n;
    Vec sums = {};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) sums += surprise(load(ps + i), load(ts + i), least);
    if (i < n) sums += first(surprise(load(ps + i, n - i), load(ts + i, n - i), least), n - i);
    y[row] = total(sums) / n;
  }
}

// The slope by p, of a slope dy for each row.
ISA static void binary_back(const float* p, const float* t, const float* dy, float least, float* dp,
                            int64_t begin, int64_t end, int64_t n) {
  for (int64_t row = begin; row < end; ++row) {
    const float *ps = p + row * n, *ts = t + row * n;
    float* to = dp + row * n;
    Vec factor = fill(dy[row] / n);
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
      store(to + i, surprise_slope(load(ps + i), load(ts + i), least) * factor);
    if (i == n) continue;
    Vec slope = surprise_slope(load(ps + i, n - i), load(ts + i, n - i), least);
    store(to + i, slope * factor, n - i);
  }
}

const Lanes all = {softmax, softmax_back, normalize,  normalize_back,
                   gelu,    gelu_back,    binary, binary_back, gelu_again};

#undef INLINE
#undef UNROLL
}  // namespace WIDTH

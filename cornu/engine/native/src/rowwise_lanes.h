// What is computed row by row, for one width of vectors; rowwise.cc includes this once for each.
//
// Needs LANES, ISA and WIDTH as lanes.h means them, and <immintrin.h>.

namespace WIDTH {

#include "rowwise_parts.h"

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

// The normal distribution at x, and exp(-x * x / 2).
//
// As in Abramowitz & Stegun, 7.1.26: exp(-x * x / 2) times a polynomial of t = 1 / (1 + p * |x|) is
// what lies beyond |x|; here of degree 8, fitted to leave 1e-8, and 3e-7 of the tail.
struct Normal {
  Vec below, power;
};

INLINE Normal normal(Vec x) {
  Vec size = x < 0.0f ? -x : x;
  size = size > 16.0f ? fill(16.0f) : size;
  Vec t = inverse(1.0f + 0.3f * size);
  Vec q = 0.036236287464893185f * t - 0.1592803524879807f;
  q = q * t + 0.2094488698355795f;
  q = q * t - 0.05606235632860145f;
  q = q * t + 0.12956287360302754f;
  q = q * t + 0.09968830163645373f;
  q = q * t + 0.12077791644402577f;
  q = q * t + 0.11962847030363842f;
  Vec power = exp_below(-0.5f * size * size);
  Vec beyond = power * (q * t);
  return {x < 0.0f ? beyond : 1.0f - beyond, power};
}

INLINE Vec gelu(Vec x) { return x * normal(x).below; }

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

const Lanes all = {softmax, softmax_back, normalize, normalize_back, gelu, gelu_back};

#undef INLINE
#undef UNROLL
}  // namespace WIDTH

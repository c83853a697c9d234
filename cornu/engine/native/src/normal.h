// GELU of vectors; included after exponential.h, as that is.

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

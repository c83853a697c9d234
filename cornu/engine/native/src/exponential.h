// Parts of vectors, sums over one, exp, sigmoid and tanh, for code that is compiled once for each
// width: a header includes it in place of lanes.h, inside its namespace. Needs <immintrin.h>.

#include "lanes.h"

typedef int32_t Ints __attribute__((vector_size(LANES * 4)));

// The first `count` numbers, with zeros after them where those are fewer than LANES.
INLINE Vec load(const float* from, int64_t count) {
  if (count >= LANES) return load(from);
#if LANES == 16
  return (Vec)_mm512_maskz_loadu_ps((1u << count) - 1, from);
#elif LANES == 8
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  return (Vec)_mm256_maskload_ps(from, _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane));
#else
  Vec v = {};
  for (int64_t i = 0; i < count; ++i) v[i] = from[i];
  return v;
#endif
}

INLINE void store(float* to, Vec v, int64_t count) {
  if (count >= LANES) return store(to, v);
#if LANES == 16
  _mm512_mask_storeu_ps(to, (1u << count) - 1, (__m512)v);
#elif LANES == 8
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  _mm256_maskstore_ps(to, _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane), (__m256)v);
#else
  for (int64_t i = 0; i < count; ++i) to[i] = v[i];
#endif
}

// `v` with zeros from number `count` on.
INLINE Vec first(Vec v, int64_t count) {
#if LANES == 16
  return (Vec)_mm512_maskz_mov_ps((1u << count) - 1, (__m512)v);
#elif LANES == 8
  const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i kept = _mm256_cmpgt_epi32(_mm256_set1_epi32(count), lane);
  return (Vec)_mm256_and_ps((__m256)kept, (__m256)v);
#else
  for (int64_t i = count; i < LANES; ++i) v[i] = 0;
  return v;
#endif
}

INLINE float total(Vec v) {
  float parts[LANES];
  store(parts, v);
  for (int step = LANES / 2; step > 0; step /= 2)
    for (int i = 0; i < step; ++i) parts[i] += parts[i + step];
  return parts[0];
}

// 1 / x to 1 ulp, for x from 1e-30 to 1e38.
INLINE Vec inverse(Vec x) {
#if LANES == 16
  Vec near = (Vec)_mm512_maskz_rcp14_ps(0xffff, (__m512)x);
  return near * (2.0f - x * near);  // a division of 16 numbers takes twice as long
#else
  return 1.0f / x;
#endif
}

// exp(x) = scale * part + scale, and exp(x) - 1 = scale * part + (scale - 1), for x within 88.
struct Exponential {
  Vec scale, part;
};

// Cody and Waite's reduction to |r| <= log(2) / 2; the polynomial is a minimax fit of
// (exp(r) - 1 - r) / r^2 there, which leaves 3e-9 of exp(r).
INLINE Exponential exponential(Vec x) {
  const float rounding = 12582912.0f;  // 1.5 * 2^23: what is added to it becomes a whole number
  Vec shifted = x * 1.44269504f + rounding;
  Vec n = shifted - rounding;
  Vec r = x - n * 0.693145752f - n * 1.42860677e-6f;
  Vec q = r * 1.381453988e-3f + 8.368745127e-3f;
  q = q * r + 4.166839079e-2f;
  q = q * r + 0.1666652040f;
  q = q * r + 0.4999999343f;
  Ints bits = (reinterpret_cast<Ints>(shifted) << 23) + 0x3f800000;
  return {reinterpret_cast<Vec>(bits), q * r * r + r};
}

// exp(x) for x up to 0, to 1e-7 of it; 0 from -87 down, a NaN stays one.
INLINE Vec exp_below(Vec x) {
  Exponential e = exponential(x < -87.0f ? fill(-87.0f) : x);
  return x < -87.0f ? Vec{} : (e.part + 1.0f) * e.scale;
}

INLINE Vec within(Vec x, float most) {  // a NaN stays one
  x = x > most ? fill(most) : x;
  return x < -most ? fill(-most) : x;
}

INLINE Vec sigmoid(Vec x) {
  Exponential e = exponential(within(-x, 87.0f));
  return inverse(1.0f + (e.scale * e.part + e.scale));
}

INLINE Vec tanh(Vec x) {
  Exponential e = exponential(within(x + x, 20.0f));
  Vec less = e.scale * e.part + (e.scale - 1.0f);
  return less * inverse(less + 2.0f);
}

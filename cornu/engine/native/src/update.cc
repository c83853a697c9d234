// Adam's step of one parameter, in one pass over it and its moments.
//
// Every number is read and written once. XLA makes three loops of the same formula, each of which
// reads the moments again.
#include <immintrin.h>

#include "common.h"

namespace cornu {
namespace {

using Floats = ffi::Buffer<ffi::F32>;
using Out = ffi::ResultBuffer<ffi::F32>;

constexpr int64_t BLOCK = 1024;  // numbers; threads share whole blocks, so that any count of
                                 // threads computes each number by the same instructions

// What is the same for all numbers of one step.
struct Rates {
  float alpha, rest_1, rest_2, epsilon;
};

// A parameter, its moments and its gradient; the new ones may lie where the old ones do.
struct Parts {
  const float *p, *m, *v, *g;
  float *new_p, *new_m, *new_v;
};

// Numbers begin, begin + 1 ... by whole vectors; gives back the first that was left out. GCC makes
// no vectors of a loop with a root in it, because of errno.
#define CORNU_MOVE(NAME, ISA, VECTOR, MM, ROOT)                                     \
  ISA int64_t NAME(const Parts& x, const Rates& r, int64_t begin, int64_t end) {    \
    constexpr int64_t lanes = sizeof(VECTOR) / sizeof(float);                       \
    for (; begin + lanes <= end; begin += lanes) {                                  \
      const VECTOR p = MM##_loadu_ps(x.p + begin), g = MM##_loadu_ps(x.g + begin);  \
      VECTOR m = MM##_loadu_ps(x.m + begin), v = MM##_loadu_ps(x.v + begin);        \
      m += (g - m) * r.rest_1;                                                      \
      v += (g * g - v) * r.rest_2;                                                  \
      MM##_storeu_ps(x.new_m + begin, m);                                           \
      MM##_storeu_ps(x.new_v + begin, v);                                           \
      MM##_storeu_ps(x.new_p + begin, p - m * r.alpha / (ROOT(v) + r.epsilon));     \
    }                                                                               \
    return begin;                                                                   \
  }

#define CORNU_ROOT(V) _mm512_maskz_sqrt_ps(0xffff, V)  // the plain one makes GCC warn
CORNU_MOVE(wide, __attribute__((target("avx512f"))), __m512, _mm512, CORNU_ROOT)
CORNU_MOVE(middle, __attribute__((target("avx2,fma"))), __m256, _mm256, _mm256_sqrt_ps)
CORNU_MOVE(narrow, , __m128, _mm, _mm_sqrt_ps)

using Move = int64_t (*)(const Parts&, const Rates&, int64_t, int64_t);

Move machine() {
  if (__builtin_cpu_supports("avx512f")) return wide;
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? middle : narrow;
}

void move(const Parts& x, const Rates& r, int64_t begin, int64_t end) {
  static const Move vectors = machine();
  for (int64_t i = vectors(x, r, begin, end); i < end; ++i) {
    const float g = x.g[i], m = x.m[i] + (g - x.m[i]) * r.rest_1;
    const float v = x.v[i] + (g * g - x.v[i]) * r.rest_2;
    x.new_m[i] = m;
    x.new_v[i] = v;
    x.new_p[i] = x.p[i] - m * r.alpha / (__builtin_sqrtf(v) + r.epsilon);
  }
}

ffi::Error Adam(ffi::ThreadPool pool, Floats p, Floats m, Floats v, Floats g, Floats rates,
                Out new_p, Out new_m, Out new_v) {
  const int64_t count = p.element_count(), blocks = (count + BLOCK - 1) / BLOCK;
  const float* r = rates.typed_data();
  const Rates once{r[0], r[1], r[2], r[3]};
  const Parts x{p.typed_data(),      m.typed_data(),      v.typed_data(),    g.typed_data(),
                new_p->typed_data(), new_m->typed_data(), new_v->typed_data()};
  return run(count, pool, [&] {
    parallel(blocks, [&](int64_t begin, int64_t end) {
      move(x, once, begin * BLOCK, std::min(count, end * BLOCK));
    });
  });
}

CORNU_HANDLER(cornu_adam, Adam,
              ffi::Ffi::Bind()
                  .Ctx<ffi::ThreadPool>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>());

}  // namespace
}  // namespace cornu

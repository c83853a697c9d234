// Softmax, normalization of rows, GELU and binary crossentropy, and their slopes: each in one pass
// over memory.
//
// A row is read from afar once and stays in the first cache for what is done with it again. XLA
// makes loops of the same formulas that each go through memory, and writes sums out as rows.
//
// CPU ms of a busy machine, native / XLA: softmax of (32, 8, 128, 128) 2.5/5.1, its slope 1.8/4.6;
// normalization of (4096, 256) 0.8/1.0, its slopes 0.75/2.2; GELU of (4096, 1024) 4.6/4.5, its
// slope 4.2/7.6.
#include <immintrin.h>

#include "common.h"

namespace cornu {
namespace {

using Floats = ffi::Buffer<ffi::F32>;
using Out = ffi::ResultBuffer<ffi::F32>;

// Rows, or numbers, from the first up to the second one; n numbers a row.
struct Lanes {
  void (*softmax)(const float*, float*, int64_t, int64_t, int64_t n);
  void (*softmax_back)(const float* y, const float* dy, float* dx, int64_t, int64_t, int64_t n);
  void (*normalize)(const float* x, const float* gamma, const float* beta, float epsilon, float* y,
                    int64_t, int64_t, int64_t n);
  void (*normalize_back)(const float* x, const float* gamma, const float* dy, float epsilon,
                         float* dx, float* by_gamma, float* by_beta, int64_t, int64_t, int64_t n);
  void (*gelu)(const float* x, float* y, int64_t, int64_t);
  void (*gelu_back)(const float* x, const float* dy, float* dx, int64_t, int64_t);
  void (*binary)(const float* p, const float* t, float least, float* y, int64_t, int64_t,
                 int64_t n);
  void (*binary_back)(const float* p, const float* t, const float* dy, float least, float* dp,
                      int64_t, int64_t, int64_t n);
  void (*gelu_again)(const float* x, const float* dy, float* y, float* dx, int64_t, int64_t);
};

#define EACH_WIDTH "rowwise_lanes.h"
#include "widths.h"

const Lanes& lanes() { return widest() == 16 ? wide::all : middle::all; }

constexpr int64_t BLOCK = 4096;  // numbers; threads share whole blocks, so that any count of
                                 // them computes each number by the same instructions

// f(begin, end) over numbers 0..count-1.
template <class F>
ffi::Error over_numbers(ffi::ThreadPool& pool, int64_t count, F&& f) {
  return run(static_cast<double>(count), pool, [&] {
    parallel((count + BLOCK - 1) / BLOCK,
             [&](int64_t begin, int64_t end) { f(begin * BLOCK, std::min(count, end * BLOCK)); });
  });
}

// f(begin, end, n) over rows along the last axis of x.
template <class F>
ffi::Error over_rows(ffi::ThreadPool& pool, const Floats& x, F&& f) {
  const int64_t n = x.dimensions().back(), rows = n ? x.element_count() / n : 0;
  return run(static_cast<double>(x.element_count()), pool,
             [&] { parallel(rows, [&](int64_t begin, int64_t end) { f(begin, end, n); }); });
}

ffi::Error Softmax(ffi::ThreadPool pool, Floats x, Out y) {
  return over_rows(pool, x, [&](int64_t begin, int64_t end, int64_t n) {
    lanes().softmax(x.typed_data(), y->typed_data(), begin, end, n);
  });
}

ffi::Error SoftmaxBack(ffi::ThreadPool pool, Floats y, Floats dy, Out dx) {
  return over_rows(pool, y, [&](int64_t begin, int64_t end, int64_t n) {
    lanes().softmax_back(y.typed_data(), dy.typed_data(), dx->typed_data(), begin, end, n);
  });
}

ffi::Error Gelu(ffi::ThreadPool pool, Floats x, Out y) {
  return over_numbers(pool, x.element_count(), [&](int64_t begin, int64_t end) {
    lanes().gelu(x.typed_data(), y->typed_data(), begin, end);
  });
}

ffi::Error GeluBack(ffi::ThreadPool pool, Floats x, Floats dy, Out dx) {
  return over_numbers(pool, x.element_count(), [&](int64_t begin, int64_t end) {
    lanes().gelu_back(x.typed_data(), dy.typed_data(), dx->typed_data(), begin, end);
  });
}

// GELU of x, and its slope times dy.
ffi::Error GeluAgain(ffi::ThreadPool pool, Floats x, Floats dy, Out y, Out dx) {
  return over_numbers(pool, x.element_count(), [&](int64_t begin, int64_t end) {
    lanes().gelu_again(x.typed_data(), dy.typed_data(), y->typed_data(), dx->typed_data(), begin,
                       end);
  });
}

ffi::Error Normalize(ffi::ThreadPool pool, Floats x, Floats gamma, Floats beta, float epsilon,
                     Out y) {
  return over_rows(pool, x, [&](int64_t begin, int64_t end, int64_t n) {
    lanes().normalize(x.typed_data(), gamma.typed_data(), beta.typed_data(), epsilon,
                      y->typed_data(), begin, end, n);
  });
}

ffi::Error Binary(ffi::ThreadPool pool, Floats p, Floats t, float least, Out y) {
  return over_rows(pool, p, [&](int64_t begin, int64_t end, int64_t n) {
    lanes().binary(p.typed_data(), t.typed_data(), least, y->typed_data(), begin, end, n);
  });
}

ffi::Error BinaryBack(ffi::ThreadPool pool, Floats p, Floats t, Floats dy, float least, Out dp) {
  return over_rows(pool, p, [&](int64_t begin, int64_t end, int64_t n) {
    lanes().binary_back(p.typed_data(), t.typed_data(), dy.typed_data(), least, dp->typed_data(),
                        begin, end, n);
  });
}

constexpr int64_t MANY = 64;  // rows that are added up in float32 before float64 takes over

// Sums of one part of the rows, those for gamma before those for beta.
struct Sums {
  double* whole;
  float* part;
  int64_t n;

  void clear() const { std::fill_n(part, 2 * n, 0.0f); }
  void carry() const {
    for (int64_t i = 0; i < 2 * n; ++i) whole[i] += part[i];
    clear();
  }
};

ffi::Error NormalizeBack(ffi::ThreadPool pool, Floats x, Floats gamma, Floats dy, float epsilon,
                         Out dx, Out by_gamma, Out by_beta) {
  const int64_t n = gamma.element_count(), rows = n ? x.element_count() / n : 0;
  return run(static_cast<double>(x.element_count()), pool, [&] {
    const int64_t count = threads(), room = 2 * n + 16;  // of one part
    auto* wholes = static_cast<double*>(scratch(0, count * room * sizeof(double)));
    auto* parts = static_cast<float*>(scratch(1, count * room * sizeof(float)));
    std::fill_n(wholes, count * room, 0.0);
    parallel(rows, [&](int64_t begin, int64_t end) {
      const int64_t at = begin / part_of(rows) * room;
      const Sums sums{wholes + at, parts + at, n};
      sums.clear();
      for (int64_t row = begin; row < end; row += MANY) {
        lanes().normalize_back(x.typed_data(), gamma.typed_data(), dy.typed_data(), epsilon,
                               dx->typed_data(), sums.part, sums.part + n, row,
                               std::min(end, row + MANY), n);
        sums.carry();
      }
    });
    for (int64_t i = 0; i < 2 * n; ++i) {
      double sum = 0;
      for (int64_t t = 0; t < count; ++t) sum += wholes[t * room + i];
      (i < n ? by_gamma->typed_data() : by_beta->typed_data() - n)[i] = static_cast<float>(sum);
    }
  });
}

// As CORNU_HANDLER, but where vectors are too short to be worth it there is none.
#define CORNU_WIDE_HANDLER(name, fn, ...)        \
  XLA_FFI_DEFINE_HANDLER(name, fn, __VA_ARGS__); \
  const bool name##_added = widest() > 4 && add_handler(#name, (XLA_FFI_Handler*)name)

CORNU_WIDE_HANDLER(cornu_softmax, Softmax,
                   ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Floats>().Ret<Floats>());
CORNU_WIDE_HANDLER(
    cornu_softmax_back, SoftmaxBack,
    ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Floats>().Arg<Floats>().Ret<Floats>());
CORNU_WIDE_HANDLER(cornu_gelu, Gelu,
                   ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Floats>().Ret<Floats>());
CORNU_WIDE_HANDLER(
    cornu_gelu_back, GeluBack,
    ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Floats>().Arg<Floats>().Ret<Floats>());
CORNU_WIDE_HANDLER(cornu_binary, Binary,
                   ffi::Ffi::Bind()
                       .Ctx<ffi::ThreadPool>()
                       .Arg<Floats>()
                       .Arg<Floats>()
                       .Attr<float>("least")
                       .Ret<Floats>());
CORNU_WIDE_HANDLER(cornu_binary_back, BinaryBack,
                   ffi::Ffi::Bind()
                       .Ctx<ffi::ThreadPool>()
                       .Arg<Floats>()
                       .Arg<Floats>()
                       .Arg<Floats>()
                       .Attr<float>("least")
                       .Ret<Floats>());
CORNU_WIDE_HANDLER(cornu_gelu_again, GeluAgain,
                   ffi::Ffi::Bind()
                       .Ctx<ffi::ThreadPool>()
                       .Arg<Floats>()
                       .Arg<Floats>()
                       .Ret<Floats>()
                       .Ret<Floats>());
CORNU_WIDE_HANDLER(cornu_normalize, Normalize,
                   ffi::Ffi::Bind()
                       .Ctx<ffi::ThreadPool>()
                       .Arg<Floats>()
                       .Arg<Floats>()
                       .Arg<Floats>()
                       .Attr<float>("epsilon")
                       .Ret<Floats>());
CORNU_WIDE_HANDLER(cornu_normalize_back, NormalizeBack,
                   ffi::Ffi::Bind()
                       .Ctx<ffi::ThreadPool>()
                       .Arg<Floats>()
                       .Arg<Floats>()
                       .Arg<Floats>()
                       .Attr<float>("epsilon")
                       .Ret<Floats>()
                       .Ret<Floats>()
                       .Ret<Floats>());

}  // namespace
}  // namespace cornu

// Twice a float32 array: what the tests of the loading call, and the shortest example of a kernel.
#include "common.h"

namespace cornu {
namespace {

CORNU_CLONES void twice(const float* x, float* y, int64_t begin, int64_t end) {
  for (int64_t i = begin; i < end; ++i) y[i] = 2 * x[i];
}

ffi::Error Twice(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> x, ffi::ResultBuffer<ffi::F32> y) {
  const int64_t n = x.element_count();
  return run(n, pool, [&] {
    parallel(
        n, [&](int64_t begin, int64_t end) { twice(x.typed_data(), y->typed_data(), begin, end); });
  });
}

CORNU_HANDLER(cornu_twice, Twice,
              ffi::Ffi::Bind()
                  .Ctx<ffi::ThreadPool>()
                  .Arg<ffi::Buffer<ffi::F32>>()
                  .Ret<ffi::Buffer<ffi::F32>>());

}  // namespace
}  // namespace cornu

// Rows of an array by their numbers: how a training step finds its batch.
#include "common.h"

namespace cornu {
namespace {

constexpr size_t LARGE = 1 << 20;  // bytes that are worth a second thread

ffi::Error Rows(ffi::ThreadPool pool, ffi::AnyBuffer x, ffi::Buffer<ffi::S32> where,
                ffi::Result<ffi::AnyBuffer> y) {
  const int64_t count = where.element_count(), last = x.dimensions()[0] - 1;
  const size_t width = count ? y->size_bytes() / count : 0;
  const char* from = static_cast<const char*>(x.untyped_data());
  char* to = static_cast<char*>(y->untyped_data());
  const int32_t* numbers = where.typed_data();
  auto copy = [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = std::clamp<int64_t>(numbers[i], 0, last);
      std::memcpy(to + i * width, from + row * width, width);
    }
  };
  if (count * width >= LARGE) {
    return run(SMALL, pool, [&] { parallel(count, copy); });
  }
  copy(0, count);
  return ffi::Error::Success();
}

CORNU_HANDLER(cornu_rows, Rows,
              ffi::Ffi::Bind()
                  .Ctx<ffi::ThreadPool>()
                  .Arg<ffi::AnyBuffer>()
                  .Arg<ffi::Buffer<ffi::S32>>()
                  .Ret<ffi::AnyBuffer>());

}  // namespace
}  // namespace cornu

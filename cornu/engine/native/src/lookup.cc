// The slope of rows that were looked up in a table: zeros, and what was asked for added up.
#include "common.h"

namespace cornu {
namespace {

using Floats = ffi::Buffer<ffi::F32>;

CORNU_CLONES void add(const float* from, int64_t n, float* to) {
  for (int64_t i = 0; i < n; ++i) to[i] += from[i];
}

// dy (count, width) to rows of a table, (rows, width). Each thread has rows of its own and adds in
// the order of `where`, so that a run gives the same bits as the next. Numbers below zero count
// from the end; what is no row is left out.
ffi::Error Lookup(ffi::ThreadPool pool, ffi::Buffer<ffi::S32> where, Floats dy,
                  ffi::ResultBuffer<ffi::F32> table) {
  const int64_t rows = table->dimensions()[0], count = where.element_count();
  const int64_t width = table->element_count() / rows;
  return run(table->element_count(), pool, [&] {
    parallel(rows, [&](int64_t begin, int64_t end) {
      float* to = table->typed_data();
      std::fill(to + begin * width, to + end * width, 0.0f);
      for (int64_t i = 0; i < count; ++i) {
        const int64_t said = where.typed_data()[i], row = said < 0 ? said + rows : said;
        if (row >= begin && row < end) add(dy.typed_data() + i * width, width, to + row * width);
      }
    });
  });
}

CORNU_HANDLER(cornu_lookup_back, Lookup,
              ffi::Ffi::Bind()
                  .Ctx<ffi::ThreadPool>()
                  .Arg<ffi::Buffer<ffi::S32>>()
                  .Arg<Floats>()
                  .Ret<Floats>());

}  // namespace
}  // namespace cornu

// Pooling over one to three space axes, channels last, float32.
//
// The largest of each window is remembered by its place in the window, one byte each, so that the
// gradient reads neither inputs nor outputs again. Simple loops over channels: oneDNN's kernels
// were no faster, and break ties otherwise than XLA, which takes the first.
#include "common.h"

namespace cornu {
namespace {

using Numbers = ffi::Span<const int64_t>;
constexpr int64_t kLanes = 64;  // channels at a time: four registers of AVX-512

// x (rows, space, channels), y likewise; fewer axes have ones in front.
struct Windows {
  int64_t rows, channels, x[3], y[3], size[3], step[3], low[3];

  Windows(Numbers xs, Numbers ys, Numbers sizes, Numbers steps, Numbers lows)
      : rows(xs[0]), channels(xs.back()) {
    const int64_t rank = static_cast<int64_t>(xs.size()) - 2;
    for (int64_t i = 0; i < 3; ++i) {
      const int64_t a = i - (3 - rank);
      x[i] = a < 0 ? 1 : xs[a + 1];
      y[i] = a < 0 ? 1 : ys[a + 1];
      size[i] = a < 0 ? 1 : sizes[a];
      step[i] = a < 0 ? 1 : steps[a];
      low[i] = a < 0 ? 0 : lows[a];
    }
  }
  int64_t x_row() const { return x[0] * x[1] * x[2] * channels; }
  int64_t y_row() const { return y[0] * y[1] * y[2] * channels; }
  double work() const { return double(rows) * (x_row() + y_row()); }

  // Whether every element of x lies in exactly one window.
  bool tiles() const {
    for (int i = 0; i < 3; ++i)
      if (size[i] != step[i] || low[i] != 0 || y[i] * step[i] != x[i]) return false;
    return true;
  }

  // f(place, offset) for the elements of window `at` that lie in x; `offset` within a row of x.
  template <class F>
  __attribute__((always_inline)) void each(const int64_t* at, F&& f) const {
    int64_t from[3], to[3];
    for (int i = 0; i < 3; ++i) {
      const int64_t start = at[i] * step[i] - low[i];
      from[i] = std::max<int64_t>(0, -start);
      to[i] = std::min(size[i], x[i] - start);
    }
    for (int64_t a = from[0]; a < to[0]; ++a)
      for (int64_t b = from[1]; b < to[1]; ++b)
        for (int64_t c = from[2]; c < to[2]; ++c) {
          const int64_t d = at[0] * step[0] - low[0] + a, h = at[1] * step[1] - low[1] + b;
          const int64_t w = at[2] * step[2] - low[2] + c;
          f((a * size[1] + b) * size[2] + c, ((d * x[1] + h) * x[2] + w) * channels);
        }
  }

  // How many elements of window `at` lie in x.
  int64_t count(const int64_t* at) const {
    int64_t n = 1;
    for (int i = 0; i < 3; ++i) {
      const int64_t start = at[i] * step[i] - low[i];
      n *= std::max<int64_t>(0, std::min(size[i], x[i] - start) - std::max<int64_t>(0, -start));
    }
    return n;
  }
};

#define CORNU_EACH_WINDOW(w, at, place)                               \
  for (int64_t at[3] = {0, 0, 0}, place = 0; at[0] < w.y[0]; ++at[0]) \
    for (at[1] = 0; at[1] < w.y[1]; ++at[1])                          \
      for (at[2] = 0; at[2] < w.y[2]; ++at[2], place += w.channels)

// One element of every window beside the largest so far; NaN is larger than anything.
template <bool kPlaces>
inline __attribute__((always_inline)) void compare(const float* x, int64_t n, int32_t place,
                                                   float* most, int32_t* where) {
  for (int64_t i = 0; i < n; ++i) {
    const bool better = !(x[i] <= most[i]) & (most[i] == most[i]);
    most[i] = better ? x[i] : most[i];
    if (kPlaces) where[i] = better ? place : where[i];
  }
}

template <bool kPlaces>
CORNU_CLONES void largest(const Windows& w, const float* x, float* y, uint8_t* places) {
  CORNU_EACH_WINDOW(w, at, start) {
    for (int64_t c = 0; c < w.channels; c += kLanes) {
      const int64_t n = std::min(kLanes, w.channels - c);
      float most[kLanes];
      int32_t where[kLanes];
      bool first = true;
      w.each(at, [&](int64_t place, int64_t offset) {
        const float* from = x + offset + c;
        if (first) {
          std::memcpy(most, from, n * sizeof(float));
          if (kPlaces) std::fill_n(where, kLanes, static_cast<int32_t>(place));
          first = false;
        } else if (n == kLanes) {
          compare<kPlaces>(from, kLanes, place, most, where);
        } else {
          compare<kPlaces>(from, n, place, most, where);
        }
      });
      std::memcpy(y + start + c, most, n * sizeof(float));
      if (kPlaces)
        for (int64_t i = 0; i < n; ++i) places[start + c + i] = static_cast<uint8_t>(where[i]);
    }
  }
}

// What stands in t at the places, for each window.
CORNU_CLONES void pick(const Windows& w, const float* t, const uint8_t* places, float* y) {
  CORNU_EACH_WINDOW(w, at, start) {
    std::fill_n(y + start, w.channels, 0.0f);
    w.each(at, [&](int64_t place, int64_t offset) {
      for (int64_t i = 0; i < w.channels; ++i)
        y[start + i] = places[start + i] == place ? t[offset + i] : y[start + i];
    });
  }
}

// The transpose of `pick`: adds each window's dy at its place of dx.
template <bool kTiles>
CORNU_CLONES void spread(const Windows& w, const float* dy, const uint8_t* places, float* dx) {
  if (!kTiles) std::memset(dx, 0, w.x_row() * sizeof(float));
  CORNU_EACH_WINDOW(w, at, start) {
    w.each(at, [&](int64_t place, int64_t offset) {
      const float* from = dy + start;
      const uint8_t* where = places + start;
      float* to = dx + offset;
      for (int64_t i = 0; i < w.channels; ++i) {
        const float more = where[i] == place ? from[i] : 0.0f;
        to[i] = kTiles ? more : to[i] + more;
      }
    });
  }
}

CORNU_CLONES void mean(const Windows& w, const float* x, float* y) {
  CORNU_EACH_WINDOW(w, at, start) {
    const float part = 1.0f / static_cast<float>(w.count(at));
    float* to = y + start;
    std::fill_n(to, w.channels, 0.0f);
    w.each(at, [&](int64_t, int64_t offset) {
      for (int64_t i = 0; i < w.channels; ++i) to[i] += x[offset + i];
    });
    for (int64_t i = 0; i < w.channels; ++i) to[i] *= part;
  }
}

// The transpose of `mean`.
template <bool kTiles>
CORNU_CLONES void share(const Windows& w, const float* dy, float* dx) {
  if (!kTiles) std::memset(dx, 0, w.x_row() * sizeof(float));
  CORNU_EACH_WINDOW(w, at, start) {
    const float part = 1.0f / static_cast<float>(w.count(at));
    w.each(at, [&](int64_t, int64_t offset) {
      const float* from = dy + start;
      float* to = dx + offset;
      for (int64_t i = 0; i < w.channels; ++i)
        to[i] = kTiles ? from[i] * part : to[i] + from[i] * part;
    });
  }
}

// ---------------------------------------------------------------- handlers

template <class F>
ffi::Error each_row(ffi::ThreadPool& pool, const Windows& w, F&& f) {
  return run(w.work(), pool, [&] {
    parallel(w.rows, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) f(row * w.x_row(), row * w.y_row());
    });
  });
}

using Floats = ffi::Buffer<ffi::F32>;
using Places = ffi::Buffer<ffi::U8>;
using FloatsOut = ffi::ResultBuffer<ffi::F32>;
using PlacesOut = ffi::ResultBuffer<ffi::U8>;

ffi::Error PoolLargest(ffi::ThreadPool pool, Floats x, FloatsOut y, Numbers size, Numbers step,
                       Numbers low) {
  const Windows w(x.dimensions(), y->dimensions(), size, step, low);
  return each_row(pool, w, [&](int64_t a, int64_t b) {
    largest<false>(w, x.typed_data() + a, y->typed_data() + b, nullptr);
  });
}

ffi::Error PoolPlaces(ffi::ThreadPool pool, Floats x, FloatsOut y, PlacesOut places, Numbers size,
                      Numbers step, Numbers low) {
  const Windows w(x.dimensions(), y->dimensions(), size, step, low);
  return each_row(pool, w, [&](int64_t a, int64_t b) {
    largest<true>(w, x.typed_data() + a, y->typed_data() + b, places->typed_data() + b);
  });
}

ffi::Error PoolPick(ffi::ThreadPool pool, Floats t, Places places, FloatsOut y, Numbers size,
                    Numbers step, Numbers low) {
  const Windows w(t.dimensions(), y->dimensions(), size, step, low);
  return each_row(pool, w, [&](int64_t a, int64_t b) {
    pick(w, t.typed_data() + a, places.typed_data() + b, y->typed_data() + b);
  });
}

ffi::Error PoolSpread(ffi::ThreadPool pool, Floats dy, Places places, FloatsOut dx, Numbers size,
                      Numbers step, Numbers low) {
  const Windows w(dx->dimensions(), dy.dimensions(), size, step, low);
  const auto f = w.tiles() ? spread<true> : spread<false>;
  return each_row(pool, w, [&](int64_t a, int64_t b) {
    f(w, dy.typed_data() + b, places.typed_data() + b, dx->typed_data() + a);
  });
}

ffi::Error PoolMean(ffi::ThreadPool pool, Floats x, FloatsOut y, Numbers size, Numbers step,
                    Numbers low) {
  const Windows w(x.dimensions(), y->dimensions(), size, step, low);
  return each_row(pool, w,
                  [&](int64_t a, int64_t b) { mean(w, x.typed_data() + a, y->typed_data() + b); });
}

ffi::Error PoolShare(ffi::ThreadPool pool, Floats dy, FloatsOut dx, Numbers size, Numbers step,
                     Numbers low) {
  const Windows w(dx->dimensions(), dy.dimensions(), size, step, low);
  const auto f = w.tiles() ? share<true> : share<false>;
  return each_row(pool, w,
                  [&](int64_t a, int64_t b) { f(w, dy.typed_data() + b, dx->typed_data() + a); });
}

#define CORNU_WINDOWS .Attr<Numbers>("size").Attr<Numbers>("step").Attr<Numbers>("low")

CORNU_HANDLER(cornu_pool_largest, PoolLargest,
              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Floats>().Ret<Floats>() CORNU_WINDOWS);
CORNU_HANDLER(cornu_pool_places, PoolPlaces,
              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Floats>().Ret<Floats>().Ret<Places>()
                  CORNU_WINDOWS);
CORNU_HANDLER(cornu_pool_pick, PoolPick,
              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Floats>().Arg<Places>().Ret<Floats>()
                  CORNU_WINDOWS);
CORNU_HANDLER(cornu_pool_spread, PoolSpread,
              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Floats>().Arg<Places>().Ret<Floats>()
                  CORNU_WINDOWS);
CORNU_HANDLER(cornu_pool_mean, PoolMean,
              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Floats>().Ret<Floats>() CORNU_WINDOWS);
CORNU_HANDLER(cornu_pool_share, PoolShare,
              ffi::Ffi::Bind().Ctx<ffi::ThreadPool>().Arg<Floats>().Ret<Floats>() CORNU_WINDOWS);

}  // namespace
}  // namespace cornu

// Normalization over the batch: moments in one pass, the result in a second, slopes in two.
//
// Arrays are rows of channels. Where there are few channels several rows are one row of `width`
// lanes, so that vectors are full; what is known of channels is repeated along the lanes.
#include <cmath>
#include <numeric>

#include "common.h"

namespace cornu {
namespace {

using Floats = ffi::Buffer<ffi::F32>;
using Out = ffi::ResultBuffer<ffi::F32>;

enum Kind { ALONE, CUT, BESIDE };  // y as it is; cut below zero; that after a sum

// Numbers begin, begin + 1, ...: `steps` rows of so many lanes.
struct Block {
  int64_t begin, steps, lanes;
};

// y = (x - mean) * factor + offset, a number for each lane.
struct Line {
  const float *mean, *factor, *offset;
};

// Arrays of one shape, those that are used; dy may lie where dx or dz does, beside where y does.
struct Arrays {
  const float *x = nullptr, *beside = nullptr, *dy = nullptr;
  float *y = nullptr, *dx = nullptr, *dz = nullptr;  // dz: the slope behind the cut
};

// The functions that are compiled for each width of vectors, by kind.
struct Lanes {
  // For each lane the sums of d = x - about, and of d * d.
  void (*sums)(const Block&, const float* x, const float* about, float* s, float* squares);
  void (*normalize[3])(const Block&, const Line&, const Arrays&);
  // For each lane the sums of the slope behind the cut, and of that times (x - mean).
  void (*total[3])(const Block&, const Line&, const Arrays&, float* s, float* t);
  // dx = slope * factor - (x - mean) * tilt - level.
  void (*inner[3])(const Block&, const Line&, const Arrays&, const float* tilt,
                   const float* level);
};

#define EACH_WIDTH "normalization_lanes.h"
#include "widths.h"

#define LANES 4
#define WIDTH narrow
#define ISA
#include "normalization_lanes.h"
#undef LANES
#undef WIDTH
#undef ISA

const Lanes& lanes() {
  return widest() == 16 ? wide::all : widest() == 8 ? middle::all : narrow::all;
}

// ---------------------------------------------------------------- rows

constexpr int64_t kLeast = 64;    // lanes, where there are fewer channels
constexpr int64_t kMost = 1024;   // lanes that several rows of channels may make
constexpr int64_t kBlock = 8192;  // numbers of a block: it stays in the nearest cache

// Rows of channels as rows of `width` lanes, of which the last may be shorter.
class Rows {
 public:
  Rows(const Floats& x, int64_t channels)
      : channels(channels), count(channels ? x.element_count() / channels : 0), width(channels) {
    const int64_t full = std::lcm(channels, int64_t{16});
    if (full <= kMost) width = full;
    if (width < kLeast) width = (kLeast + width - 1) / width * width;
    steps_ = std::clamp<int64_t>(kBlock / width, 8, 64);  // additions before float64 takes over
  }

  // f(block, number of the part) for all numbers, with a part for each thread.
  template <class F>
  void share(F&& f) const {
    parallel(count, [&](int64_t first, int64_t last) {
      const int64_t t = first / part_of(count), end = last * channels;
      for (int64_t begin = first * channels; begin < end;) {
        const int64_t lanes = std::min(width, end - begin);
        const int64_t steps = std::min(steps_, (end - begin) / lanes);
        f(Block{begin, steps, lanes}, t);
        begin += steps * lanes;
      }
    });
  }

  // `kinds` vectors of a number for each lane, by `fill(channel, kind)`.
  template <class Fill>
  float* along(int slot, int64_t kinds, Fill&& fill) const {
    auto* found = static_cast<float*>(scratch(slot, kinds * width * sizeof(float)));
    for (int64_t k = 0; k < kinds; ++k)
      for (int64_t i = 0; i < width; ++i)
        found[k * width + i] = i < channels ? fill(i, k) : found[k * width + i - channels];
    return found;
  }

  // `each` vectors of lanes for every part, cleared.
  template <class Number>
  Number* apart(int slot, int64_t each) const {
    const int64_t size = parts * room(each);
    auto* found = static_cast<Number*>(scratch(slot, size * sizeof(Number)));
    std::fill_n(found, size, Number());
    return found;
  }

  // How far a part's vectors are from the next one's: no two write to one line of the cache.
  int64_t room(int64_t each) const { return each * width + kLeast; }

  int64_t channels, count, width, parts = threads();

 private:
  int64_t steps_;
};

// ---------------------------------------------------------------- moments

// How many numbers there were, their mean, and the sum of squares about it.
struct Moments {
  double count = 0, mean = 0, square = 0;

  // Source: Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm", 1979.
  void add(double n, double m, double q) {
    if (n == 0) return;
    const double all = count + n, d = m - mean;
    mean += d * n / all;
    square += q + d * d * count * n / all;
    count = all;
  }
};

// Adds a block to the moments of every lane. It is taken about the mean of those before it, the
// first about its own: so nothing large cancels that the variance does not have in it as well.
// work: three numbers for each lane, the first of them that mean.
void add(const Block& b, const float* x, int64_t width, float* work, Moments* of) {
  float *about = work, *s = work + width, *squares = s + width;
  for (int64_t i = 0; i < b.lanes; ++i) about[i] = static_cast<float>(of[i].mean);
  if (of[0].count == 0) {
    lanes().sums(b, x, about, s, squares);
    for (int64_t i = 0; i < b.lanes; ++i) about[i] = s[i] / static_cast<float>(b.steps);
  }
  lanes().sums(b, x, about, s, squares);
  for (int64_t i = 0; i < b.lanes; ++i) {
    const double d = static_cast<double>(s[i]) / b.steps, square = squares[i] - s[i] * d;
    of[i].add(b.steps, about[i] + d, square < 0 ? 0 : square);
  }
}

// `rest` is what of the mean does not fit into a float.
void moments(const Rows& rows, const float* x, float* mean, float* rest, float* variance) {
  auto* found = rows.apart<Moments>(0, 1);
  auto* work = rows.apart<float>(1, 3);
  rows.share([&](const Block& b, int64_t t) {
    add(b, x, rows.width, work + t * rows.room(3), found + t * rows.room(1));
  });
  for (int64_t c = 0; c < rows.channels; ++c) {
    Moments all;
    for (int64_t t = 0; t < rows.parts; ++t) {
      for (int64_t i = c; i < rows.width; i += rows.channels) {
        const Moments& m = found[t * rows.room(1) + i];
        all.add(m.count, m.mean, m.square);
      }
    }
    mean[c] = static_cast<float>(all.mean);
    rest[c] = static_cast<float>(all.mean - mean[c]);
    variance[c] = static_cast<float>(all.square / all.count);
  }
}

// ---------------------------------------------------------------- y and slopes

// Vectors of channels, as the handlers get them.
struct Known {
  const float *mean, *rest, *variance, *scale, *offset;
  float epsilon;

  double ratio(int64_t c) const {
    return 1 / std::sqrt(static_cast<double>(variance[c]) + epsilon);
  }

  Line line(const Rows& rows, int slot) const {
    const float* found = rows.along(slot, 3, [&](int64_t c, int64_t kind) {
      const double factor = scale[c] * ratio(c);
      const double all[] = {mean[c], factor, offset[c] - rest[c] * factor};
      return static_cast<float>(all[kind]);
    });
    return {found, found + rows.width, found + 2 * rows.width};
  }
};

void normalize(const Rows& rows, const Known& known, const Arrays& a, Kind kind) {
  const Line line = known.line(rows, 0);
  rows.share([&](const Block& b, int64_t) { lanes().normalize[kind](b, line, a); });
}

// Sums of each channel: of the slope, and of the slope times (x - mean).
struct Sums {
  double *slope, *moved;
};

Sums totals(const Rows& rows, const Line& line, const Arrays& a, Kind kind) {
  const int64_t width = rows.width, room = rows.room(2);
  auto* found = rows.apart<double>(0, 2);
  auto* work = rows.apart<float>(1, 2);
  rows.share([&](const Block& b, int64_t t) {
    float* sums = work + t * room;
    lanes().total[kind](b, line, a, sums, sums + width);
    for (int64_t i = 0; i < b.lanes; ++i) {
      found[t * room + i] += sums[i];
      found[t * room + width + i] += sums[width + i];
    }
  });
  const Sums all{found, found + width};
  for (int64_t t = 0; t < rows.parts; ++t) {
    for (int64_t i = t > 0 ? 0 : rows.channels; i < width; ++i) {
      all.slope[i % rows.channels] += found[t * room + i];
      all.moved[i % rows.channels] += found[t * room + width + i];
    }
  }
  return all;
}

void slopes(const Rows& rows, const Known& known, const Arrays& a, Kind kind, float* dscale,
            float* doffset) {
  const Line line = known.line(rows, 2);
  const Sums sums = totals(rows, line, a, kind);
  for (int64_t c = 0; c < rows.channels; ++c) {
    sums.moved[c] = (sums.moved[c] - sums.slope[c] * known.rest[c]) * known.ratio(c);
    doffset[c] = static_cast<float>(sums.slope[c]);
    dscale[c] = static_cast<float>(sums.moved[c]);
  }
  const float* last = rows.along(3, 2, [&](int64_t c, int64_t kind) {
    const double ratio = known.ratio(c), share = known.scale[c] * ratio / rows.count;
    const double tilt = sums.moved[c] * ratio * share;
    return static_cast<float>(kind ? sums.slope[c] * share - known.rest[c] * tilt : tilt);
  });
  rows.share([&](const Block& b, int64_t) {
    lanes().inner[kind](b, line, a, last, last + rows.width);
  });
}

// ---------------------------------------------------------------- handlers

template <class F>
ffi::Error with_rows(ffi::ThreadPool& pool, const Floats& x, int64_t channels, F&& f) {
  return run(static_cast<double>(x.element_count()), pool, [&] { f(Rows(x, channels)); });
}

ffi::Error OfMoments(ffi::ThreadPool pool, Floats x, Out mean, Out rest, Out variance) {
  return with_rows(pool, x, mean->element_count(), [&](const Rows& rows) {
    moments(rows, x.typed_data(), mean->typed_data(), rest->typed_data(), variance->typed_data());
  });
}

Known known(const Floats& mean, const Floats& rest, const Floats& variance, const Floats& scale,
            const Floats& offset, float epsilon) {
  return {mean.typed_data(),  rest.typed_data(),   variance.typed_data(),
          scale.typed_data(), offset.typed_data(), epsilon};
}

ffi::Error Normal(ffi::ThreadPool pool, Floats x, Floats mean, Floats rest, Floats variance,
                  Floats scale, Floats offset, Out y, float epsilon, bool relu) {
  Arrays a;
  a.x = x.typed_data();
  a.y = y->typed_data();
  return with_rows(pool, x, mean.element_count(), [&](const Rows& rows) {
    normalize(rows, known(mean, rest, variance, scale, offset, epsilon), a, relu ? CUT : ALONE);
  });
}

ffi::Error NormalBeside(ffi::ThreadPool pool, Floats x, Floats mean, Floats rest, Floats variance,
                        Floats scale, Floats offset, Floats beside, Out y, float epsilon) {
  Arrays a;
  a.x = x.typed_data();
  a.beside = beside.typed_data();
  a.y = y->typed_data();
  return with_rows(pool, x, mean.element_count(), [&](const Rows& rows) {
    normalize(rows, known(mean, rest, variance, scale, offset, epsilon), a, BESIDE);
  });
}

ffi::Error Slopes(ffi::ThreadPool pool, Floats x, Floats mean, Floats rest, Floats variance,
                  Floats scale, Floats offset, Floats dy, Out dx, Out dscale, Out doffset,
                  float epsilon, bool relu) {
  Arrays a;
  a.x = x.typed_data();
  a.dy = dy.typed_data();
  a.dx = dx->typed_data();
  return with_rows(pool, x, mean.element_count(), [&](const Rows& rows) {
    slopes(rows, known(mean, rest, variance, scale, offset, epsilon), a, relu ? CUT : ALONE,
           dscale->typed_data(), doffset->typed_data());
  });
}

ffi::Error SlopesBeside(ffi::ThreadPool pool, Floats x, Floats mean, Floats rest, Floats variance,
                        Floats scale, Floats offset, Floats y, Floats dy, Out dx, Out dscale,
                        Out doffset, Out dz, float epsilon) {
  Arrays a;
  a.x = x.typed_data();
  a.y = y.typed_data();
  a.dy = dy.typed_data();
  a.dx = dx->typed_data();
  a.dz = dz->typed_data();
  return with_rows(pool, x, mean.element_count(), [&](const Rows& rows) {
    slopes(rows, known(mean, rest, variance, scale, offset, epsilon), a, BESIDE,
           dscale->typed_data(), doffset->typed_data());
  });
}

CORNU_HANDLER(cornu_moments, OfMoments,
              ffi::Ffi::Bind()
                  .Ctx<ffi::ThreadPool>()
                  .Arg<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>());

// x, mean, rest, variance, scale and offset, with which all others begin.
#define CORNU_SIX             \
  ffi::Ffi::Bind()            \
      .Ctx<ffi::ThreadPool>() \
      .Arg<Floats>()          \
      .Arg<Floats>()          \
      .Arg<Floats>()          \
      .Arg<Floats>()          \
      .Arg<Floats>()          \
      .Arg<Floats>()

CORNU_HANDLER(cornu_normal, Normal,
              CORNU_SIX.Ret<Floats>().Attr<float>("epsilon").Attr<bool>("relu"));

CORNU_HANDLER(cornu_normal_beside, NormalBeside,
              CORNU_SIX.Arg<Floats>().Ret<Floats>().Attr<float>("epsilon"));

CORNU_HANDLER(cornu_normal_slopes, Slopes,
              CORNU_SIX.Arg<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>()
                  .Attr<float>("epsilon")
                  .Attr<bool>("relu"));

CORNU_HANDLER(cornu_normal_slopes_beside, SlopesBeside,
              CORNU_SIX.Arg<Floats>()
                  .Arg<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>()
                  .Attr<float>("epsilon"));

}  // namespace
}  // namespace cornu

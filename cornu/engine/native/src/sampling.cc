// Pictures seen through maps: turned, moved, sheared, zoomed, mirrored and scaled in one pass.
//
// A library of its own, called by ctypes: no Python, XLA or oneDNN is in it, and no threads; who
// wants several pictures at once calls it from several threads. What it computes is said by
// `cornu/preprocessing/image/affine.py`, whose numbers it gives bit by bit: nothing may be
// reordered or contracted (-ffp-contract=off).

#include <cmath>
#include <cstdint>
#include <cstdlib>

#define CORNU_EXPORT extern "C" __attribute__((visibility("default")))
#define INLINE inline __attribute__((always_inline))

// Compiled once for each kind of machine; the loader takes the best that this one has.
#if defined(__GLIBC__) && defined(__x86_64__) && !defined(__clang__)
#define CORNU_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define CORNU_CLONES
#endif

namespace {

enum Type { UINT8, FLOAT32, FLOAT64 };
enum Fill { CONSTANT, NEAREST, REFLECT, WRAP };
enum Change : uint8_t { FLIP_ROWS = 1, FLIP_COLUMNS = 2, STILL = 4 };

// One picture as it is read or written; strides in numbers, not bytes.
struct Picture {
  char* data;
  int64_t row, column, channel;
};

// What holds for all pictures of a call.
struct Job {
  int32_t height, width, channels;
  int source_type, made_type, fill, order;
  double cval, scale;
};

// Where the pixels of one row of the result are read: the pixel before each place in both
// directions, how far the place is behind it, and whether it is outside of the picture.
struct Places {
  int32_t *down, *across;
  double *below, *right;
  uint8_t* outside;
};

// ---------------------------------------------------------------- places

// A place brought between 0 and last = size - 1. NaN stays.
template <int fill>
INLINE double folded(double p, double size) {
  const double last = size - 1;
  if (fill == REFLECT) {
    p += 0.5;
    p -= 2 * size * std::floor(p * (0.5 / size));
    const double back = 2 * size - p;
    p = back < p ? back : p;
    p -= 0.5;
  }
  if (fill == WRAP) {
    const double beyond = p - last * std::floor(p / last);
    const double before = p + last * (std::floor(-p / last) + 1);
    const double moved = p < 0 ? before : p;
    p = p > last ? beyond : moved;
    p = last > 0 ? p : 0;
  }
  p = p < 0 ? 0 : p;
  return p > last ? last : p;
}

// The number of the pixel before a place, and how far the place is behind it.
template <int order>
INLINE int32_t split(double p, int32_t most, double* behind) {
  if (order == 0) p += 0.5;
  const double safe = p > 0 ? p : 0;  // NaN is no number of a pixel
  const int32_t whole = static_cast<int32_t>(safe);
  const int32_t before = whole < most ? whole : most;
  *behind = p - before;
  return before;
}

template <int fill, int order>
INLINE void locate_as(const Job& job, const double* map, double row, double column, double step,
                      const Places& to) {
  const double from_down = map[2] + row * map[0], from_across = map[5] + row * map[3];
  const double by_down = map[1], by_across = map[4];
  const double height = job.height, width = job.width;
  const int32_t count = job.width;
  const int32_t most_down = job.height - (order && job.height > 1 ? 2 : 1);
  const int32_t most_across = job.width - (order && job.width > 1 ? 2 : 1);
  int32_t *__restrict down = to.down, *__restrict across = to.across;
  double *__restrict below = to.below, *__restrict right = to.right;
  uint8_t* __restrict outside = to.outside;
  for (int32_t i = 0; i < count; ++i) {
    const double at = column + step * i;
    const double y = from_down + at * by_down, x = from_across + at * by_across;
    down[i] = split<order>(folded<fill>(y, height), most_down, below + i);
    across[i] = split<order>(folded<fill>(x, width), most_across, right + i);
    if (fill == CONSTANT) {
      outside[i] = (y < 0) | (y > height - 1) | (x < 0) | (x > width - 1);
    }
  }
}

template <int fill>
INLINE void locate_in(const Job& job, const double* map, double row, double column, double step,
                      const Places& to) {
  if (job.order == 0) return locate_as<fill, 0>(job, map, row, column, step, to);
  locate_as<fill, 1>(job, map, row, column, step, to);
}

// Places for one row: columns are column, column + step, ...
CORNU_CLONES void locate(const Job& job, const double* map, double row, double column, double step,
                         const Places& to) {
  switch (job.fill) {
    case CONSTANT: return locate_in<CONSTANT>(job, map, row, column, step, to);
    case NEAREST: return locate_in<NEAREST>(job, map, row, column, step, to);
    case REFLECT: return locate_in<REFLECT>(job, map, row, column, step, to);
    default: return locate_in<WRAP>(job, map, row, column, step, to);
  }
}

// ---------------------------------------------------------------- reading

// One row of the result. `known`: the number of channels, which then lie side by side; or 0.
template <class S, class D, int known>
INLINE void read_as(const Job& job, const Picture& from, const Places& at, const Picture& to) {
  const int32_t count = job.width, channels = known ? known : job.channels;
  const int64_t apart = known ? 1 : from.channel, made_apart = known ? 1 : to.channel;
  const int64_t next = job.width > 1 ? from.column : 0, next_row = job.height > 1 ? from.row : 0;
  const S* __restrict source = reinterpret_cast<const S*>(from.data);
  D* __restrict made = reinterpret_cast<D*>(to.data);
  const D scale = static_cast<D>(job.scale);
  for (int32_t i = 0; i < count; ++i, made += to.column) {
    const S* upper = source + at.down[i] * from.row + at.across[i] * from.column;
    if (job.order == 0) {
      for (int32_t c = 0; c < channels; ++c) {
        made[c * made_apart] = static_cast<D>(upper[c * apart]) * scale;
      }
      continue;
    }
    const S* lower = upper + next_row;
    const D right = static_cast<D>(at.right[i]), below = static_cast<D>(at.below[i]);
    for (int32_t c = 0; c < channels; ++c) {
      const D a = static_cast<D>(upper[c * apart]), b = static_cast<D>(upper[next + c * apart]);
      const D e = static_cast<D>(lower[c * apart]), f = static_cast<D>(lower[next + c * apart]);
      const D over = a + (b - a) * right, under = e + (f - e) * right;
      made[c * made_apart] = (over + (under - over) * below) * scale;
    }
  }
  if (job.fill != CONSTANT) return;
  const D value = static_cast<D>(job.cval) * scale;
  made = reinterpret_cast<D*>(to.data);
  for (int32_t i = 0; i < count; ++i, made += to.column) {
    if (!at.outside[i]) continue;
    for (int32_t c = 0; c < channels; ++c) made[c * made_apart] = value;
  }
}

template <class S, class D>
INLINE void read_of(const Job& job, const Picture& from, const Places& at, const Picture& to) {
  const bool together = from.channel == 1 && to.channel == 1;
  if (together && job.channels == 3) return read_as<S, D, 3>(job, from, at, to);
  if (together && job.channels == 1) return read_as<S, D, 1>(job, from, at, to);
  if (together && job.channels == 4) return read_as<S, D, 4>(job, from, at, to);
  read_as<S, D, 0>(job, from, at, to);
}

template <class S>
INLINE void read_from(const Job& job, const Picture& from, const Places& at, const Picture& to) {
  if (job.made_type == FLOAT64) return read_of<S, double>(job, from, at, to);
  read_of<S, float>(job, from, at, to);
}

CORNU_CLONES void read_row(const Job& job, const Picture& from, const Places& at,
                           const Picture& to) {
  switch (job.source_type) {
    case UINT8: return read_from<uint8_t>(job, from, at, to);
    case FLOAT32: return read_from<float>(job, from, at, to);
    default: return read_from<double>(job, from, at, to);
  }
}

// A row as it is, where pixels lie side by side here and there.
template <class S, class D>
INLINE void copy_as(const Job& job, const Picture& from, const Picture& to) {
  const int64_t count = int64_t{job.width} * job.channels;
  const D scale = static_cast<D>(job.scale);
  const S* __restrict source = reinterpret_cast<const S*>(from.data);
  D* __restrict made = reinterpret_cast<D*>(to.data);
  for (int64_t i = 0; i < count; ++i) made[i] = static_cast<D>(source[i]) * scale;
}

template <class S>
INLINE void copy_from(const Job& job, const Picture& from, const Picture& to) {
  if (job.made_type == FLOAT64) return copy_as<S, double>(job, from, to);
  copy_as<S, float>(job, from, to);
}

CORNU_CLONES void copy_row(const Job& job, const Picture& from, const Picture& to) {
  switch (job.source_type) {
    case UINT8: return copy_from<uint8_t>(job, from, to);
    case FLOAT32: return copy_from<float>(job, from, to);
    default: return copy_from<double>(job, from, to);
  }
}

// ---------------------------------------------------------------- pictures

constexpr int64_t SIZES[] = {1, 4, 8};

bool side_by_side(const Job& job, const Picture& picture) {
  return picture.channel == 1 && picture.column == job.channels;
}

void picture(const Job& job, const Picture& from, const Picture& to, const double* map,
             uint8_t changes, Places& at) {
  Job now = job;
  static const double same[] = {1, 0, 0, 0, 1, 0};
  if (changes & STILL) {  // whole places: the pixels themselves
    map = same;
    now.order = 0;
    now.fill = NEAREST;
  }
  const bool as_it_is = (changes & STILL) && !(changes & FLIP_COLUMNS) &&
                        side_by_side(job, from) && side_by_side(job, to);
  const double column = changes & FLIP_COLUMNS ? job.width - 1 : 0;
  const double step = changes & FLIP_COLUMNS ? -1 : 1;
  for (int32_t i = 0; i < job.height; ++i) {
    const int32_t row = changes & FLIP_ROWS ? job.height - 1 - i : i;
    Picture source = from, made = to;
    made.data += i * to.row * SIZES[job.made_type];
    if (as_it_is) {
      source.data += row * from.row * SIZES[job.source_type];
      copy_row(now, source, made);
    } else {
      locate(now, map, row, column, step, at);
      read_row(now, source, at, made);
    }
  }
}

}  // namespace

// Writes pictures of one array, seen through a map each, into another.
//
// sizes: count, height, width, channels. rows: (count), which picture of the source, or null for
// one after the other. strides: of pictures, rows, columns, channels, in numbers. maps:
// (count, 2, 3), from (row, column, 1) of the result to (row, column) of the source. changes:
// (count), see Change. Gives 0, or 1 where there is no memory.
CORNU_EXPORT int cornu_sample(const int64_t* sizes, const int64_t* rows, char* source,
                              int source_type, const int64_t* source_strides, char* made,
                              int made_type, const int64_t* made_strides, const double* maps,
                              const uint8_t* changes, int fill, int order, double cval,
                              double scale) {
  const int64_t width = sizes[2];
  const Job job{static_cast<int32_t>(sizes[1]), static_cast<int32_t>(width),
                static_cast<int32_t>(sizes[3]), source_type, made_type, fill, order, cval, scale};
  // Places lie behind each other: 8 + 8 + 4 + 4 + 1 bytes for each column.
  char* memory = static_cast<char*>(std::malloc(25 * (width + 1)));
  if (memory == nullptr) return 1;
  Places at;
  at.below = reinterpret_cast<double*>(memory);
  at.right = at.below + width;
  at.down = reinterpret_cast<int32_t*>(at.right + width);
  at.across = at.down + width;
  at.outside = reinterpret_cast<uint8_t*>(at.across + width);
  for (int64_t i = 0; i < sizes[0]; ++i) {
    const int64_t which = rows == nullptr ? i : rows[i];
    const Picture from{source + which * source_strides[0] * SIZES[source_type], source_strides[1],
                       source_strides[2], source_strides[3]};
    const Picture to{made + i * made_strides[0] * SIZES[made_type], made_strides[1],
                     made_strides[2], made_strides[3]};
    picture(job, from, to, maps + 6 * i, changes[i], at);
  }
  std::free(memory);
  return 0;
}

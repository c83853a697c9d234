// Winograd's F(4x4, 3x3) for one width of vectors; winograd.cc includes this once for each.
//
// Needs LANES (floats in a vector), ISA (the attribute that allows the instructions), ROWS (of a
// tile of a product: ROWS * 4 sums must fit the registers) and WIDTH (the name of the namespace).

namespace WIDTH {

#include "lanes.h"

constexpr int64_t BLOCK = 4 * LANES;  // columns of a product at a time

// ---------------------------------------------------------------- transforms of one axis

// B^T d: what six numbers in a row give to each of the points.
INLINE void to_points(const Vec* d, Vec* t) {
  const Vec even_a = d[4] - BB * d[2], odd_a = A * d[3] - (A * BB) * d[1];
  const Vec even_b = d[4] - AA * d[2], odd_b = B * d[3] - (B * AA) * d[1];
  t[0] = (AA * BB) * d[0] - (AA + BB) * d[2] + d[4];
  t[1] = even_a + odd_a;
  t[2] = even_a - odd_a;
  t[3] = even_b + odd_b;
  t[4] = even_b - odd_b;
  t[5] = (AA * BB) * d[1] - (AA + BB) * d[3] + d[5];
}

// A^T m: four results from the products at the points.
INLINE void from_points(const Vec* m, Vec* y) {
  const Vec sum_a = m[1] + m[2], gap_a = m[1] - m[2], sum_b = m[3] + m[4], gap_b = m[3] - m[4];
  y[0] = m[0] + sum_a + sum_b;
  y[1] = A * gap_a + B * gap_b;
  y[2] = AA * sum_a + BB * sum_b;
  y[3] = (A * AA) * gap_a + (B * BB) * gap_b + m[5];
}

// A g, the adjoint of `from_points`.
INLINE void slopes_to_points(const Vec* g, Vec* z) {
  const Vec even_a = g[0] + AA * g[2], odd_a = A * g[1] + (A * AA) * g[3];
  const Vec even_b = g[0] + BB * g[2], odd_b = B * g[1] + (B * BB) * g[3];
  z[0] = g[0];
  z[1] = even_a + odd_a;
  z[2] = even_a - odd_a;
  z[3] = even_b + odd_b;
  z[4] = even_b - odd_b;
  z[5] = g[3];
}

// G w: three weights at the points.
INLINE void weights_to_points(const Vec* w, Vec* u) {
  const Vec even_a = (w[0] + AA * w[2]) * FA, odd_a = w[1] * (A * FA);
  const Vec even_b = (w[0] + BB * w[2]) * FB, odd_b = w[1] * (B * FB);
  u[0] = w[0] * F0;
  u[1] = even_a + odd_a;
  u[2] = even_a - odd_a;
  u[3] = even_b + odd_b;
  u[4] = even_b - odd_b;
  u[5] = w[2];
}

// G^T u, its adjoint.
INLINE void points_to_weights(const Vec* u, Vec* w) {
  const Vec sum_a = (u[1] + u[2]) * FA, gap_a = u[1] - u[2];
  const Vec sum_b = (u[3] + u[4]) * FB, gap_b = u[3] - u[4];
  w[0] = F0 * u[0] + sum_a + sum_b;
  w[1] = (A * FA) * gap_a + (B * FB) * gap_b;
  w[2] = AA * sum_a + BB * sum_b + u[5];
}

// A transform of both axes of a square of `From` numbers a side to one of `To`; `put` gets each
// result with its place.
template <int From, int To, void (*Turn)(const Vec*, Vec*), class Put>
INLINE void both_axes(const Vec (*square)[From], Put&& put) {
  Vec half[From][To];
  for (int column = 0; column < From; ++column) {
    Vec down[From];
    UNROLL for (int i = 0; i < From; ++i) down[i] = square[i][column];
    Turn(down, half[column]);
  }
  for (int row = 0; row < To; ++row) {
    Vec across[From], turned[To];
    UNROLL for (int i = 0; i < From; ++i) across[i] = half[i][row];
    Turn(across, turned);
    UNROLL for (int i = 0; i < To; ++i) put(row, i, turned[i]);
  }
}

// ---------------------------------------------------------------- pictures

// A square of `Side` pixels from (top, left) on, at some channels; zeros outside.
template <int Side>
INLINE void cut(const float* picture, int64_t height, int64_t width, int64_t depth, int64_t top,
                int64_t left, Vec (*square)[Side]) {
  const bool inside = top >= 0 && left >= 0 && top + Side <= height && left + Side <= width;
  const float* corner = picture + (top * width + left) * depth;
  if (inside) {
    UNROLL for (int i = 0; i < Side; ++i) {
      UNROLL for (int j = 0; j < Side; ++j) square[i][j] = load(corner + (i * width + j) * depth);
    }
    return;
  }
  for (int i = 0; i < Side; ++i) {
    for (int j = 0; j < Side; ++j) {
      const bool there = top + i >= 0 && top + i < height && left + j >= 0 && left + j < width;
      square[i][j] = there ? load(corner + (i * width + j) * depth) : Vec{};
    }
  }
}

// Tiles begin..end-1 of x at the points: (POINTS, end - begin, channels), `plane` apart.
ISA static void spread_data(const Shape& s, const float* x, int64_t begin, int64_t end, float* out,
                            int64_t plane) {
  const Tiles tiles(s);
  for (int64_t t = begin; t < end; ++t) {
    const Place at = tiles.at(t);
    const float* picture = x + at.picture * s.height * s.width * s.channels;
    for (int64_t c = 0; c < s.channels; c += LANES) {
      Vec square[6][6];
      cut<6>(picture + c, s.height, s.width, s.channels, at.y - s.low_y, at.x - s.low_x, square);
      float* to = out + (t - begin) * s.channels + c;
      both_axes<6, 6, to_points>(
          square, [=](int i, int j, Vec v) ISA { store(to + (6 * i + j) * plane, v); });
    }
  }
}

// The same of slopes by y.
ISA static void spread_slopes(const Shape& s, const float* dy, int64_t begin, int64_t end,
                              float* out, int64_t plane) {
  const Tiles tiles(s);
  for (int64_t t = begin; t < end; ++t) {
    const Place at = tiles.at(t);
    const float* picture = dy + at.picture * s.out_height * s.out_width * s.filters;
    for (int64_t f = 0; f < s.filters; f += LANES) {
      Vec square[4][4];
      cut<4>(picture + f, s.out_height, s.out_width, s.filters, at.y, at.x, square);
      float* to = out + (t - begin) * s.filters + f;
      both_axes<4, 6, slopes_to_points>(
          square, [=](int i, int j, Vec v) ISA { store(to + (6 * i + j) * plane, v); });
    }
  }
}

// Tiles begin..end-1 of y from what the products gave, (POINTS, end - begin, filters).
ISA static void gather(const Shape& s, const float* in, int64_t plane, int64_t begin, int64_t end,
                       const float* bias, bool relu, float* y) {
  const Tiles tiles(s);
  for (int64_t t = begin; t < end; ++t) {
    const Place at = tiles.at(t);
    const int64_t rows = s.out_height - at.y, columns = s.out_width - at.x;
    float* corner = y + ((at.picture * s.out_height + at.y) * s.out_width + at.x) * s.filters;
    for (int64_t f = 0; f < s.filters; f += LANES) {
      const float* from = in + (t - begin) * s.filters + f;
      const Vec more = bias ? load(bias + f) : Vec{};
      Vec square[6][6];
      UNROLL for (int i = 0; i < 6; ++i) {
        UNROLL for (int j = 0; j < 6; ++j) square[i][j] = load(from + (6 * i + j) * plane);
      }
      both_axes<6, 4, from_points>(square, [=](int i, int j, Vec v) ISA {
        v += more;
        if (relu) v = v <= 0 ? Vec{} : v;
        if (i < rows && j < columns) store(corner + (i * s.out_width + j) * s.filters + f, v);
      });
    }
  }
}

// ---------------------------------------------------------------- weights

// Weights of channels begin..end-1 at the points; `packed` holds (POINTS, blocks of filters,
// channels, BLOCK).
ISA static void spread_weights(const float* w, int64_t channels, int64_t filters, int64_t begin,
                               int64_t end, float* packed) {
  const int64_t plane = packed_plane(channels, filters, BLOCK);
  for (int64_t c = begin; c < end; ++c) {
    for (int64_t f = 0; f < filters; f += LANES) {
      Vec square[3][3];
      UNROLL for (int i = 0; i < 3; ++i) {
        UNROLL for (int j = 0; j < 3; ++j) {
          square[i][j] = load(w + ((3 * i + j) * channels + c) * filters + f);
        }
      }
      float* to = packed + (f / BLOCK * channels + c) * BLOCK + f % BLOCK;
      both_axes<3, 6, weights_to_points>(
          square, [=](int i, int j, Vec v) ISA { store(to + (6 * i + j) * plane, v); });
    }
  }
}

// Slopes by w from those at the points, which `count` threads have each summed for their tiles.
ISA static void gather_weights(const float* const* parts, int64_t count, int64_t channels,
                               int64_t filters, int64_t begin, int64_t end, float* dw) {
  const int64_t plane = packed_plane(channels, filters, BLOCK);
  for (int64_t c = begin; c < end; ++c) {
    for (int64_t f = 0; f < filters; f += LANES) {
      const int64_t from = (f / BLOCK * channels + c) * BLOCK + f % BLOCK;
      Vec square[6][6];
      for (int i = 0; i < 36; ++i) {
        Vec sum = load(parts[0] + from + i * plane);
        for (int64_t k = 1; k < count; ++k) sum += load(parts[k] + from + i * plane);
        square[i / 6][i % 6] = sum;
      }
      both_axes<6, 3, points_to_weights>(square, [=](int i, int j, Vec v) ISA {
        store(dw + ((3 * i + j) * channels + c) * filters + f, v);
      });
    }
  }
}

// ---------------------------------------------------------------- products

// out[R, N vectors] (+)= a[R, depth] @ b[depth, N vectors]. What is there is added last: sums of
// sums lose less than one long one.
template <int R, int N>
ISA static void tile(const Factor& a, const float* b, int64_t b_step, int64_t depth, float* out,
                     int64_t out_step, bool fresh) {
  Vec sums[R][N] = {};
  const float* from = a.start;
  for (int64_t k = 0; k < depth; ++k, b += b_step, from += a.step) {
    Vec beside[N];
    UNROLL for (int n = 0; n < N; ++n) beside[n] = load(b + n * LANES);
    UNROLL for (int r = 0; r < R; ++r) {
      const Vec one = fill(from[r * a.row]);
      UNROLL for (int n = 0; n < N; ++n) sums[r][n] += one * beside[n];
    }
  }
  UNROLL for (int r = 0; r < R; ++r) {
    UNROLL for (int n = 0; n < N; ++n) {
      float* to = out + r * out_step + n * LANES;
      store(to, fresh ? sums[r][n] : load(to) + sums[r][n]);
    }
  }
}

using Tile = void (*)(const Factor&, const float*, int64_t, int64_t, float*, int64_t, bool);

#if ROWS == 6
#define TILES(N) {tile<1, N>, tile<2, N>, tile<3, N>, tile<4, N>, tile<5, N>, tile<6, N>}
#else
#define TILES(N) {tile<1, N>, tile<2, N>, tile<3, N>}
#endif
const Tile tile_of[4][ROWS] = {TILES(1), TILES(2), TILES(3), TILES(4)};
#undef TILES

// out (+)= a @ b: `rows` rows, `columns` columns, sums of `depth` products.
ISA static void product(Factor a, int64_t rows, int64_t depth, const Blocks<const float>& b,
                        int64_t columns, const Blocks<float>& out, bool fresh) {
  const float* start = a.start;
  for (int64_t column = 0, block = 0; column < columns; column += BLOCK, ++block) {
    const int64_t vectors = columns - column < BLOCK ? (columns - column) / LANES : 4;
    for (int64_t row = 0, now; row < rows; row += now) {
      const int64_t parts = (rows - row + ROWS - 1) / ROWS;
      now = (rows - row + parts - 1) / parts;
      a.start = start + row * a.row;
      tile_of[vectors - 1][now - 1](a, b.start + block * b.block, b.step, depth,
                                    out.start + block * out.block + row * out.step, out.step,
                                    fresh);
    }
  }
}

// Tiles begin..end-1 of y; `data` and `sums` are room for `most` tiles of x and of y at the points.
ISA static void forward(const Forward& f, int64_t begin, int64_t end, int64_t most, float* data,
                        float* sums) {
  const Shape& s = f.shape;
  const int64_t data_plane = plane_of(most * s.channels), plane = plane_of(most * s.filters);
  const int64_t packed = packed_plane(s.channels, s.filters, BLOCK);
  for (int64_t first = begin; first < end; first += most) {
    const int64_t last = first + most < end ? first + most : end;
    spread_data(s, f.x, first, last, data, data_plane);
    for (int i = 0; i < POINTS; ++i) {
      product({data + i * data_plane, s.channels, 1}, last - first, s.channels,
              {f.packed + i * packed, BLOCK, s.channels * BLOCK}, s.filters,
              {sums + i * plane, s.filters, BLOCK}, true);
    }
    gather(s, sums, plane, first, last, f.bias, f.relu, f.y);
  }
}

// What tiles begin..end-1 add to the slopes by w at the points, `packed`.
ISA static void weights(const Shape& s, const float* x, const float* dy, int64_t begin,
                        int64_t end, int64_t most, float* data, float* slopes, float* packed) {
  const int64_t data_plane = plane_of(most * s.channels), plane = plane_of(most * s.filters);
  const int64_t size = packed_plane(s.channels, s.filters, BLOCK);
  for (int64_t first = begin; first < end; first += most) {
    const int64_t last = first + most < end ? first + most : end;
    spread_data(s, x, first, last, data, data_plane);
    spread_slopes(s, dy, first, last, slopes, plane);
    for (int i = 0; i < POINTS; ++i) {
      product({data + i * data_plane, 1, s.channels}, s.channels, last - first,
              {slopes + i * plane, s.filters, BLOCK}, s.filters,
              {packed + i * size, BLOCK, s.channels * BLOCK}, first == begin);
    }
  }
}

const Lanes all = {LANES, BLOCK, spread_weights, forward, weights, gather_weights};

#undef INLINE
#undef UNROLL

}  // namespace WIDTH

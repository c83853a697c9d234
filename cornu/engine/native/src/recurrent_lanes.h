// What LSTM and GRU compute, for one width of vectors; recurrent.cc includes this once for each.
//
// Needs LANES (floats in a vector), ISA (the attribute that allows the instructions), ROWS (of a
// tile of a product: ROWS * 4 sums must fit the registers) and WIDTH (the name of the namespace).

namespace WIDTH {

#include "exponential.h"

// ---------------------------------------------------------------- products

// out[R, columns of N vectors] (+)= a[R, depth] @ b, with b packed: (depth, N, LANES).
template <int R, int N>
ISA static void tile(const float* a, int64_t stride, const float* b, int64_t depth, float* out,
                     int64_t out_stride, int64_t columns, bool fresh) {
  Vec sums[R][N];
  UNROLL for (int r = 0; r < R; ++r) {
    UNROLL for (int n = 0; n < N; ++n) {
      const int64_t left = columns - n * LANES;
      sums[r][n] = fresh ? Vec{} : load(out + r * out_stride + n * LANES, left);
    }
  }
  for (int64_t k = 0; k < depth; ++k, b += N * LANES) {
    Vec beside[N];
    UNROLL for (int n = 0; n < N; ++n) beside[n] = load(b + n * LANES);
    UNROLL for (int r = 0; r < R; ++r) {
      Vec one = fill(a[r * stride + k]);
      UNROLL for (int n = 0; n < N; ++n) sums[r][n] += one * beside[n];
    }
  }
  UNROLL for (int r = 0; r < R; ++r) {
    UNROLL for (int n = 0; n < N; ++n) {
      store(out + r * out_stride + n * LANES, sums[r][n], columns - n * LANES);
    }
  }
}

using Tile = void (*)(const float*, int64_t, const float*, int64_t, float*, int64_t, int64_t, bool);

#if ROWS == 6
#define TILES(N) {tile<1, N>, tile<2, N>, tile<3, N>, tile<4, N>, tile<5, N>, tile<6, N>}
#else
#define TILES(N) {tile<1, N>, tile<2, N>, tile<3, N>}
#endif
const Tile tiles[4][ROWS] = {TILES(1), TILES(2), TILES(3), TILES(4)};
#undef TILES

// Rows begin..end-1 of each product. A block of b stays in the first cache meanwhile.
ISA static void product(const VectorProduct& p, int64_t begin, int64_t end) {
  for (int64_t column = 0; column < p.columns; column += 4 * LANES) {
    const int64_t left = p.columns - column;
    const int64_t vectors = left >= 4 * LANES ? 4 : (left + LANES - 1) / LANES;
    for (int64_t k = 0; k < p.depth; k += DEEP) {
      const int64_t deep = p.depth - k < DEEP ? p.depth - k : DEEP;
      const float* b = p.b + column * p.depth + k * vectors * LANES;
      for (int64_t i = 0; i < p.count; ++i) {
        const float* a = p.a.start + i * p.a.jump + k;
        float* out = p.out.start + i * p.out.jump + column;
        for (int64_t row = begin, rows; row < end; row += rows) {
          const int64_t parts = (end - row + ROWS - 1) / ROWS;
          rows = (end - row + parts - 1) / parts;
          tiles[vectors - 1][rows - 1](a + row * p.a.stride, p.a.stride, b, deep,
                                       out + row * p.out.stride, p.out.stride, left,
                                       p.fresh && k == 0);
        }
      }
    }
  }
}

// ---------------------------------------------------------------- LSTM

// From what products gave to the new states; gates i, f, g, o keep what they gave where asked.
ISA static void lstm(const Step& s, int64_t begin, int64_t end) {
  const int64_t units = s.units;
  for (int64_t unit = 0; unit < units; unit += LANES) {
    const int64_t left = units - unit;
    Vec bias[4];
    UNROLL for (int n = 0; n < 4; ++n) {
      bias[n] = s.bias ? load(s.bias + n * units + unit, left) : Vec{};
    }
    for (int64_t row = begin; row < end; ++row) {
      const int64_t at = row * units + unit;
      float* gates = s.gates + row * 4 * units + unit;
      Vec before = load(s.c + at, left);
      Vec i = sigmoid(load(gates, left) + bias[0]);
      Vec f = sigmoid(load(gates + units, left) + bias[1]);
      Vec g = tanh(load(gates + 2 * units, left) + bias[2]);
      Vec o = sigmoid(load(gates + 3 * units, left) + bias[3]);
      Vec cell = f * before + i * g;
      Vec shown = o * tanh(cell);
      if (s.mask && !s.mask[row]) {
        cell = before;
        shown = load(s.h + at, left);
      }
      store(s.new_c + at, cell, left);
      store(s.new_h + at, shown, left);
      if (!s.keep) continue;
      store(gates, i, left);
      store(gates + units, f, left);
      store(gates + 2 * units, g, left);
      store(gates + 3 * units, o, left);
    }
  }
}

// Slopes by what went into the gates, in their place; by_h becomes what goes past the product.
ISA static void lstm_back(const StepBack& s, int64_t begin, int64_t end) {
  const int64_t units = s.units;
  for (int64_t unit = 0; unit < units; unit += LANES) {
    const int64_t left = units - unit;
    Vec sums[4] = {};
    for (int64_t row = begin; row < end; ++row) {
      const int64_t at = row * units + unit;
      float* gates = s.gates + row * 4 * units + unit;
      Vec slope = load(s.by_h + at, left);
      if (s.by_output) slope += load(s.by_output + at, left);
      Vec by[4] = {};
      if (!s.mask || s.mask[row]) {
        Vec i = load(gates, left), f = load(gates + units, left);
        Vec g = load(gates + 2 * units, left), o = load(gates + 3 * units, left);
        Vec shown = tanh(load(s.c + at, left));
        Vec by_cell = load(s.by_c + at, left) + slope * o * (1.0f - shown * shown);
        by[0] = by_cell * g * (i * (1.0f - i));
        by[1] = by_cell * load(s.c_before + at, left) * (f * (1.0f - f));
        by[2] = by_cell * i * (1.0f - g * g);
        by[3] = slope * shown * (o * (1.0f - o));
        store(s.by_c + at, by_cell * f, left);
        slope = Vec{};
      }
      store(s.by_h + at, slope, left);
      UNROLL for (int n = 0; n < 4; ++n) {
        store(gates + n * units, by[n], left);
        sums[n] += by[n];
      }
    }
    UNROLL for (int n = 0; n < 4; ++n) {
      float* to = s.by_bias + n * units + unit;
      store(to, load(to, left) + sums[n], left);
    }
  }
}

// ---------------------------------------------------------------- GRU

// The gates z and r; `heard` becomes r * h where the reset gate comes before the product.
ISA static void gru_gates(const Step& s, int64_t begin, int64_t end) {
  const int64_t units = s.units;
  for (int64_t row = begin; row < end; ++row) {
    for (int64_t unit = 0; unit < units; unit += LANES) {
      const int64_t left = units - unit, at = row * units + unit;
      float* gates = s.gates + row * 3 * units + unit;
      Vec z = load(gates, left), r = load(gates + units, left);
      if (s.bias) {
        z += load(s.bias + unit, left);
        r += load(s.bias + units + unit, left);
      }
      if (s.after && s.bias) {
        z += load(s.bias + 3 * units + unit, left);
        r += load(s.bias + 4 * units + unit, left);
      }
      r = sigmoid(r);
      store(gates, sigmoid(z), left);
      store(gates + units, r, left);
      if (!s.after) store(s.heard + at, r * load(s.h + at, left), left);
    }
  }
}

// The candidate and the new state.
ISA static void gru_state(const Step& s, int64_t begin, int64_t end) {
  const int64_t units = s.units;
  for (int64_t row = begin; row < end; ++row) {
    for (int64_t unit = 0; unit < units; unit += LANES) {
      const int64_t left = units - unit, at = row * units + unit;
      float* gates = s.gates + row * 3 * units + unit;
      Vec before = load(s.h + at, left), z = load(gates, left);
      Vec sum = load(gates + 2 * units, left);
      if (s.bias) sum += load(s.bias + 2 * units + unit, left);
      if (s.after) {
        Vec heard = load(s.heard + at, left);
        if (s.bias) heard += load(s.bias + 5 * units + unit, left);
        store(s.heard + at, heard, left);
        sum += load(gates + units, left) * heard;
      }
      Vec candidate = tanh(sum);
      Vec made = z * before + (1.0f - z) * candidate;
      if (s.mask && !s.mask[row]) made = before;
      store(s.new_h + at, made, left);
      store(gates + 2 * units, candidate, left);
    }
  }
}

// As lstm_back, for all that follows from the new state. With the reset gate after the product all
// three gates become slopes, and `heard` the slope by it; else only z and the candidate do.
ISA static void gru_back(const StepBack& s, int64_t begin, int64_t end) {
  const int64_t units = s.units;
  for (int64_t unit = 0; unit < units; unit += LANES) {
    const int64_t left = units - unit;
    Vec sums[4] = {};
    for (int64_t row = begin; row < end; ++row) {
      const int64_t at = row * units + unit;
      float* gates = s.gates + row * 3 * units + unit;
      Vec slope = load(s.by_h + at, left);
      if (s.by_output) slope += load(s.by_output + at, left);
      Vec z = load(gates, left), r = load(gates + units, left), n = load(gates + 2 * units, left);
      Vec kept = fill(!s.mask || s.mask[row] ? 1.0f : 0.0f);
      Vec counted = slope * kept;
      Vec by[4];
      by[2] = counted * (1.0f - z) * (1.0f - n * n);
      by[0] = counted * (load(s.h_before + at, left) - n) * (z * (1.0f - z));
      by[1] = by[2] * load(s.heard + at, left) * (r * (1.0f - r));
      by[3] = by[2] * r;
      store(s.by_h + at, slope - counted + counted * z, left);
      store(gates, by[0], left);
      store(gates + 2 * units, by[2], left);
      sums[0] += by[0];
      sums[2] += by[2];
      if (!s.after) continue;
      store(gates + units, by[1], left);
      store(s.heard + at, by[3], left);
      sums[1] += by[1];
      sums[3] += by[3];
    }
    UNROLL for (int n = 0; n < 4; ++n) {
      float* to = s.by_bias + n * units + unit;
      store(to, load(to, left) + sums[n], left);
    }
  }
}

// With the reset gate before the product: from the slope by r * h (`by_heard`) to those by r and h.
ISA static void gru_back_reset(const StepBack& s, int64_t begin, int64_t end) {
  const int64_t units = s.units;
  for (int64_t unit = 0; unit < units; unit += LANES) {
    const int64_t left = units - unit;
    Vec sum = {};
    for (int64_t row = begin; row < end; ++row) {
      const int64_t at = row * units + unit;
      float* gates = s.gates + row * 3 * units + unit;
      Vec r = load(gates + units, left), by_heard = load(s.by_heard + at, left);
      Vec by_r = by_heard * load(s.h_before + at, left) * (r * (1.0f - r));
      store(s.by_h + at, load(s.by_h + at, left) + by_heard * r, left);
      store(gates + units, by_r, left);
      sum += by_r;
    }
    float* to = s.by_bias + units + unit;
    store(to, load(to, left) + sum, left);
  }
}

const Lanes all = {LANES, product, lstm, lstm_back, gru_gates, gru_state, gru_back, gru_back_reset};

#undef INLINE
#undef UNROLL
}  // namespace WIDTH

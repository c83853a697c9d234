// What a chain of layers computes, for one width of vectors; chain.cc includes this once for each.
//
// Needs LANES (floats in a vector), ISA (the attribute that allows the instructions), ROWS (of a
// tile: ROWS * 4 sums must fit the registers) and WIDTH (the name of the namespace). A row's
// numbers are the same bits in any company: each is summed in the same order whatever the tile.

namespace WIDTH {

#include "exponential.h"

#include "normal.h"

// Rows of `x` by a panel of V vectors of columns. Narrow panels are summed in several parts, as one
// sum alone would wait for itself at every step.
template <int R, int V>
ISA static void tile(const float* x, int64_t stride, const float* kernel, int64_t inputs,
                     const float* bias, float* y, int64_t width) {
  constexpr int PARTS = 4 / V;
  Vec sums[R][PARTS][V] = {};
  int64_t i = 0;
  for (; i + PARTS <= inputs; i += PARTS) {
    UNROLL for (int part = 0; part < PARTS; ++part, kernel += V * LANES) {
      Vec beside[V];
      UNROLL for (int v = 0; v < V; ++v) beside[v] = load(kernel + v * LANES);
      UNROLL for (int r = 0; r < R; ++r) {
        const Vec given = fill(x[r * stride + i + part]);
        UNROLL for (int v = 0; v < V; ++v) sums[r][part][v] += given * beside[v];
      }
    }
  }
  for (; i < inputs; ++i, kernel += V * LANES) {
    UNROLL for (int r = 0; r < R; ++r) {
      const Vec given = fill(x[r * stride + i]);
      UNROLL for (int v = 0; v < V; ++v) sums[r][0][v] += given * load(kernel + v * LANES);
    }
  }
  UNROLL for (int r = 0; r < R; ++r) {
    UNROLL for (int v = 0; v < V; ++v) {
      Vec sum = load(bias + v * LANES);
      UNROLL for (int part = 0; part < PARTS; ++part) sum += sums[r][part][v];
      store(y + r * width + v * LANES, sum);
    }
  }
}

// The rows of a panel by tiles of R, of half as many, and so on.
template <int R, int V>
ISA static void panel(const float* x, int64_t stride, const float* kernel, int64_t inputs,
                      const float* bias, float* y, int64_t width, int64_t rows) {
  for (; rows >= R; rows -= R, x += R * stride, y += R * width)
    tile<R, V>(x, stride, kernel, inputs, bias, y, width);
  if constexpr (R > 1) panel<R / 2, V>(x, stride, kernel, inputs, bias, y, width, rows);
}

ISA static void product(const Layer& layer, const float* x, int64_t stride, float* y,
                        int64_t rows) {
  const int64_t width = layer.width, inputs = layer.inputs;
  const float* kernel = layer.kernel;
  for (int64_t column = 0; column < width; column += 4 * LANES) {
    const float* bias = layer.bias + column;
    switch ((width - column) / LANES) {
      case 1:
        panel<ROWS, 1>(x, stride, kernel, inputs, bias, y + column, width, rows);
        break;
      case 2:
        panel<ROWS, 2>(x, stride, kernel, inputs, bias, y + column, width, rows);
        break;
      case 3:
        panel<ROWS, 3>(x, stride, kernel, inputs, bias, y + column, width, rows);
        break;
      default:
        panel<ROWS, 4>(x, stride, kernel, inputs, bias, y + column, width, rows);
    }
    kernel += inputs * 4 * LANES;
  }
}

ISA static void scaled(const Layer& layer, const float* x, int64_t stride, float* y,
                       int64_t rows) {
  for (int64_t row = 0; row < rows; ++row, x += stride, y += layer.width)
    for (int64_t i = 0; i < layer.outputs; ++i)
      y[i] = (x[i] - layer.shift[i]) * layer.scale[i] + layer.bias[i];
}

ISA static void softmax(float* y, int64_t count, int64_t width) {
  for (int64_t i = count; i < width; ++i) y[i] = -__builtin_inff();
  Vec top = load(y), sums = {};
  for (int64_t i = LANES; i < width; i += LANES) {
    const Vec v = load(y + i);
    top = v > top ? v : top;
  }
  float most = top[0];
  UNROLL for (int lane = 1; lane < LANES; ++lane) most = top[lane] > most ? top[lane] : most;
  for (int64_t i = 0; i < width; i += LANES) {
    const Vec power = exp_below(load(y + i) - most);
    sums += power;
    store(y + i, power);
  }
  float sum = 0;
  UNROLL for (int lane = 0; lane < LANES; ++lane) sum += sums[lane];
  for (int64_t i = 0; i < width; i += LANES) store(y + i, load(y + i) / sum);
}

// exp(x) for every x, to 3e-7 of it; a NaN stays one.
INLINE Vec exp(Vec x) {
  Exponential e = exponential(within(0.5f * x, 87.0f));
  Vec root = e.scale * e.part + e.scale;
  return root * root;  // so that it ends where floats end
}

// exp(x) - 1 for x up to 0; a NaN stays one.
INLINE Vec expm1(Vec x) {
  Exponential e = exponential(within(x, 87.0f));
  return e.scale * e.part + (e.scale - 1.0f);
}

// log(1 + x) for x from 0 to 1: twice the series of artanh(x / (2 + x)).
INLINE Vec log1p(Vec x) {
  Vec s = x / (2.0f + x), square = s * s;
  Vec q = square * (1.0f / 13) + 1.0f / 11;
  q = q * square + 1.0f / 9;
  q = q * square + 1.0f / 7;
  q = q * square + 1.0f / 5;
  q = q * square + 1.0f / 3;
  return 2.0f * (s * square * q + s);
}

// Over rows of whole vectors, what fills them up included.
template <class Function>
INLINE void each(float* y, int64_t count, Function function) {
  for (int64_t i = 0; i < count; i += LANES) store(y + i, function(load(y + i)));
}

INLINE Vec cut(Vec x, float least, float most) {  // a NaN stays one
  x = x < least ? fill(least) : x;
  return x > most ? fill(most) : x;
}

ISA static void activate(const Layer& layer, float* y, int64_t rows) {
  const int64_t count = rows * layer.width;
  const float below = layer.below, above = layer.above;
  switch (layer.activation) {
    case LINEAR:
      return;
    case RELU:
      if (below == 0 && above == __builtin_inff())
        return each(y, count, [=](Vec x) ISA { return x <= 0.0f ? Vec{} : x; });
      return each(y, count, [=](Vec x) ISA {
        x = x > 0.0f ? x : below == 0 ? (x <= 0.0f ? Vec{} : x) : x * below;
        return x >= above ? fill(above) : x;
      });
    case SIGMOID:
      return each(y, count, [=](Vec x) ISA { return sigmoid(x); });
    case TANH:
      return each(y, count, [=](Vec x) ISA { return tanh(x); });
    case SOFTMAX:
      for (int64_t row = 0; row < rows; ++row)
        softmax(y + row * layer.width, layer.outputs, layer.width);
      return;
    case ELU:
      return each(y, count, [=](Vec x) ISA { return x > 0.0f ? x * above : expm1(x) * below; });
    case GELU:
      return each(y, count, [=](Vec x) ISA { return gelu(x); });
    case GELU_BY_TANH:
      return each(y, count, [=](Vec x) ISA {
        const Vec near = cut(x, -16, 16);
        return 0.5f * x * (1 + tanh(0.797884561f * (near + 0.044715f * near * near * near)));
      });
    case SILU:  // minus infinity gives NaN, as it does elsewhere
      return each(y, count, [=](Vec x) ISA { return x * (x < -87.0f ? Vec{} : sigmoid(x)); });
    case SOFTPLUS:
      return each(y, count, [=](Vec x) ISA {
        return (x > 0.0f ? x : x <= 0.0f ? Vec{} : x) + log1p(exp_below(x > 0.0f ? -x : x));
      });
    case EXPONENTIAL:
      return each(y, count, [=](Vec x) ISA { return exp(x); });
    case HARD_SIGMOID:
      return each(y, count, [=](Vec x) ISA { return cut(x / 6.0f + 0.5f, 0, 1); });
  }
}

// A block of rows of `x` into `y`; `between` has room for two layers' numbers of all of them.
ISA static void block(const Chain& chain, const float* x, float* y, int64_t rows, float* between) {
  float* parts[] = {between, between + rows * chain.widest};
  const Layer& last = chain.layers.back();
  const float* from = x;
  int64_t stride = chain.layers.front().inputs;
  int next = 0;
  for (const Layer& layer : chain.layers) {
    float* to = parts[next];
    if (layer.kernel)
      product(layer, from, stride, to, rows);
    else
      scaled(layer, from, stride, to, rows);
    activate(layer, to, rows);
    from = to;
    stride = layer.width;
    next = 1 - next;
  }
  for (int64_t row = 0; row < rows; ++row)
    std::memcpy(y + row * last.outputs, from + row * last.width, last.outputs * sizeof(float));
}

const Lanes all = {LANES, block};

#undef INLINE
#undef UNROLL
}  // namespace WIDTH

// A few rows through a chain of small layers, one row after another.
//
// It is called by ctypes with Python's lock held, and is over before giving that away would pay:
// `cornu/engine/chain.py` says how much it is given. It takes no memory and starts no threads.

#include <cmath>
#include <cstdint>
#include <cstring>

#define CORNU_EXPORT extern "C" __attribute__((visibility("default")))
#define INLINE inline __attribute__((always_inline))

// Compiled once for each kind of machine; the loader takes the best that this one has.
#if defined(__GLIBC__) && defined(__x86_64__) && !defined(__clang__)
#define CORNU_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define CORNU_CLONES
#endif

namespace {

constexpr int BLOCK = 32;     // columns of a kernel that are summed side by side
constexpr int WIDEST = 4096;  // numbers that a layer gives at most

// The names in ACTIVATIONS of chain.py, in their order.
enum Activation {
  LINEAR,
  RELU,
  SIGMOID,
  TANH,
  SOFTMAX,
  ELU,
  GELU,
  GELU_BY_TANH,
  SILU,
  SOFTPLUS,
  EXPONENTIAL,
  HARD_SIGMOID,
};

// `activation(x @ kernel + bias)`, or `activation((x - shift) * scale + bias)` without a kernel.
// Widths are filled up to whole BLOCKs. The fields of `_Layer` in chain.py, in their order.
struct Layer {
  const float* kernel;  // (blocks, inputs, BLOCK)
  const float* shift;   // (outputs,), as all that follow
  const float* scale;
  const float* bias;
  int32_t inputs, outputs;
  int32_t activation;
  float below, above;  // of RELU: the slope below 0, the largest value; of ELU: both factors
};

// The fields of `_Chain` in chain.py, in their order.
struct Chain {
  const Layer* layers;
  float* results;  // (rows, outputs of the last layer)
  int32_t count;
};

INLINE void product(const Layer& layer, const float* x, float* y) {
  const float* kernel = layer.kernel;
  for (int first = 0; first < layer.outputs; first += BLOCK) {
    float sums[BLOCK] = {};
    for (int i = 0; i < layer.inputs; ++i, kernel += BLOCK)
      for (int j = 0; j < BLOCK; ++j) sums[j] += x[i] * kernel[j];
    for (int j = 0; j < BLOCK; ++j) y[first + j] = sums[j] + layer.bias[first + j];
  }
}

INLINE void scaled(const Layer& layer, const float* x, float* y) {
  for (int i = 0; i < layer.outputs; ++i)
    y[i] = (x[i] - layer.shift[i]) * layer.scale[i] + layer.bias[i];
}

INLINE void softmax(float* y, int count) {
  float top = y[0], sum = 0;
  for (int i = 1; i < count; ++i) top = y[i] > top ? y[i] : top;
  for (int i = 0; i < count; ++i) sum += y[i] = std::exp(y[i] - top);
  for (int i = 0; i < count; ++i) y[i] /= sum;
}

INLINE float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }

INLINE float cut(float x, float least, float most) {  // a NaN stays one
  x = x < least ? least : x;
  return x > most ? most : x;
}

template <typename Function>
INLINE void each(float* y, int count, Function function) {
  for (int i = 0; i < count; ++i) y[i] = function(y[i]);
}

INLINE void activate(const Layer& layer, float* y) {
  const int count = layer.outputs;
  const float below = layer.below, above = layer.above;
  switch (layer.activation) {
    case LINEAR:
      return;
    case RELU:
      return each(y, count, [=](float x) {
        x = x > 0 ? x : below == 0 && x <= 0 ? 0 : x * below;
        return x >= above ? above : x;
      });
    case SIGMOID:
      return each(y, count, sigmoid);
    case TANH:
      return each(y, count, [](float x) { return std::tanh(x); });
    case SOFTMAX:
      return softmax(y, count);
    case ELU:
      return each(y, count, [=](float x) { return x > 0 ? x * above : std::expm1(x) * below; });
    case GELU:
      return each(y, count, [](float x) {
        return 0.5f * x * (1 + std::erf(x * 0.707106781f));
      });
    case GELU_BY_TANH:
      return each(y, count, [](float x) {
        const float near = cut(x, -16, 16);
        return 0.5f * x * (1 + std::tanh(0.797884561f * (near + 0.044715f * near * near * near)));
      });
    case SILU:
      return each(y, count, [](float x) { return x * sigmoid(x); });
    case SOFTPLUS:
      return each(y, count, [](float x) {
        return (x > 0 ? x : 0) + std::log1p(std::exp(x > 0 ? -x : x));
      });
    case EXPONENTIAL:
      return each(y, count, [](float x) { return std::exp(x); });
    case HARD_SIGMOID:
      return each(y, count, [](float x) { return cut(x / 6 + 0.5f, 0, 1); });
  }
}

CORNU_CLONES void through(const Layer& layer, const float* x, float* y) {
  if (layer.kernel)
    product(layer, x, y);
  else
    scaled(layer, x, y);
  activate(layer, y);
}

}  // namespace

// `rows` rows of `x`, each as wide as the first layer's inputs, into the chain's results.
CORNU_EXPORT void cornu_chain(const Chain* chain, const float* x, int64_t rows) {
  alignas(64) float between[2][WIDEST];
  const Layer& last = chain->layers[chain->count - 1];
  for (int64_t row = 0; row < rows; ++row) {
    const float* from = x + row * chain->layers[0].inputs;
    for (int i = 0; i < chain->count; ++i) {
      through(chain->layers[i], from, between[i & 1]);
      from = between[i & 1];
    }
    std::memcpy(chain->results + row * last.outputs, from, last.outputs * sizeof(float));
  }
}

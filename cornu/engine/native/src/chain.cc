// Rows through a chain of small layers, as a module of Python (its limited API, from 3.11 on).
//
// A block of rows goes through all layers before the next one begins, so what lies between layers
// stays in the first cache. Up to a few rows are answered by one call that looks at everything
// itself (`few`), because what Python takes for that is most of what a row costs.
//
// CPU ms of a busy machine, 50,000 rows of 20-64-64-10, this / a compiled program in batches of 32:
// 5/51 (two cores).

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#if defined(__linux__)
#include <sched.h>
#endif

namespace {

constexpr int64_t BLOCK = 48, LEAST = 6;  // rows that go through all layers together
constexpr int64_t NEAR = 1 << 15;         // numbers between two layers, with more rows than LEAST
constexpr int64_t PIECE = 1 << 22;        // products of which a thread takes the rows at once
constexpr int64_t PIECES = 4;             // that make good for a thread's beginning
constexpr const char* NAME = "cornu.chain";

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

// What chain.py says of a layer: FORM there, in its order.
struct Form {
  int32_t inputs, outputs, has_kernel, activation;
  float below, above;  // of RELU: the slope below 0, the largest value; of ELU: both factors
};

// `activation(x @ kernel + bias)`, or `activation((x - shift) * scale + bias)` without a kernel.
struct Layer {
  const float* kernel;  // panels of up to 4 vectors of columns, each (inputs, vectors, lanes)
  const float* shift;   // (width,), as all that follow
  const float* scale;
  const float* bias;
  int64_t inputs, outputs, width;  // width: outputs, filled up to whole vectors
  int32_t activation;
  float below, above;
};

struct Chain {
  std::vector<Layer> layers;
  std::unique_ptr<float[]> numbers;
  int64_t widest, products;  // products: of one row

  int64_t block() const { return std::max(LEAST, std::min(BLOCK, NEAR / widest / LEAST * LEAST)); }
};

struct Lanes {
  int64_t count;
  void (*block)(const Chain&, const float* x, float* y, int64_t rows, float* between);
};

#if defined(__x86_64__)
#define EACH_WIDTH "chain_lanes.h"
#include "widths.h"
#endif

#define LANES 4
#define ROWS 2
#define WIDTH narrow
#define ISA
#include "chain_lanes.h"
#undef LANES
#undef ROWS
#undef WIDTH
#undef ISA

const Lanes& lanes() {
#if defined(__x86_64__)
  static const Lanes& best = [&]() -> const Lanes& {
    const bool fused = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return fused && wide ? wide::all : fused ? middle::all : narrow::all;
  }();
  return best;
#else
  return narrow::all;
#endif
}

// ---------------------------------------------------------------- making one

// `count` numbers into `width` places, zeros after them; where to go on.
float* put(const float* numbers, int64_t count, int64_t width, float* to) {
  std::memcpy(to, numbers, count * sizeof(float));
  std::fill(to + count, to + width, 0.0f);
  return to + width;
}

// A kernel of (inputs, outputs) into panels.
float* put_in_panels(const float* kernel, const Layer& layer, float* to) {
  const int64_t most = 4 * lanes().count;
  for (int64_t column = 0; column < layer.width; column += most) {
    const int64_t wide = std::min(most, layer.width - column);
    const int64_t given = std::min(wide, layer.outputs - column);
    for (int64_t i = 0; i < layer.inputs; ++i)
      to = put(kernel + i * layer.outputs + column, given, wide, to);
  }
  return to;
}

// The chain that `count` forms say, without its numbers.
std::unique_ptr<Chain> made(const Form* forms, int64_t count) {
  auto chain = std::make_unique<Chain>();
  const int64_t unit = lanes().count;
  int64_t room = 16;
  for (int64_t i = 0; i < count; ++i) {
    const Form& f = forms[i];
    const int64_t width = (f.outputs + unit - 1) / unit * unit;
    chain->layers.push_back({nullptr, nullptr, nullptr, nullptr, f.inputs, f.outputs, width,
                             f.activation, f.below, f.above});
    room += f.has_kernel ? (f.inputs + 1L) * width : 3 * width;
    chain->widest = std::max(chain->widest, width);
    chain->products += f.has_kernel ? f.inputs * width : width;
  }
  chain->numbers.reset(new float[room]);
  return chain;
}

// Copies the numbers of all layers out of what `chain` was given: of each the kernel (inputs,
// outputs) and bias, or shift, scale and bias. False, with an error set, where one is of another
// size.
bool learn(Chain& chain, const Form* forms, PyObject* arguments) {
  float* to = chain.numbers.get();
  to += (64 - reinterpret_cast<uintptr_t>(to) % 64) % 64 / sizeof(float);
  Py_ssize_t next = 1;  // after the forms
  for (Layer& layer : chain.layers) {
    const bool has_kernel = (forms++)->has_kernel;
    for (const float** part : {&layer.kernel, &layer.shift, &layer.scale, &layer.bias}) {
      const bool is_kernel = part == &layer.kernel;
      if (part != &layer.bias && has_kernel != is_kernel) continue;
      const Py_ssize_t size = layer.outputs * (is_kernel ? layer.inputs : 1) * sizeof(float);
      PyObject* array = PyTuple_GetItem(arguments, next++);
      Py_buffer view;
      if (!array || PyObject_GetBuffer(array, &view, PyBUF_SIMPLE)) return false;
      const bool fits = view.len == size;
      const float* numbers = static_cast<const float*>(view.buf);
      *part = to;
      if (fits)
        to = is_kernel ? put_in_panels(numbers, layer, to)
                       : put(numbers, layer.outputs, layer.width, to);
      else
        PyErr_Format(PyExc_ValueError, "%zd bytes, not %zd", view.len, size);
      PyBuffer_Release(&view);
      if (!fits) return false;
    }
  }
  return true;
}

// ---------------------------------------------------------------- running it

void compute(const Chain& chain, const float* x, float* y, int64_t rows, float* between) {
  const int64_t inputs = chain.layers.front().inputs, outputs = chain.layers.back().outputs;
  const int64_t most = chain.block();
  for (; rows > 0; rows -= most, x += most * inputs, y += most * outputs)
    lanes().block(chain, x, y, std::min(most, rows), between);
}

// Room for what lies between layers; null where there is no memory.
std::unique_ptr<float[]> room(const Chain& chain, int64_t rows) {
  const int64_t count = 2 * std::min(rows, chain.block()) * chain.widest;
  return std::unique_ptr<float[]>(new (std::nothrow) float[count]);
}

// How many cores this process may use.
int64_t cores() {
#if defined(__linux__)
  cpu_set_t allowed;
  if (!sched_getaffinity(0, sizeof(allowed), &allowed)) return CPU_COUNT(&allowed);
#endif
  return std::thread::hardware_concurrency();
}

// All rows, by a thread for each core where they are many; false where there is no memory.
bool shared(const Chain& chain, const float* x, float* y, int64_t rows) {
  const int64_t inputs = chain.layers.front().inputs, outputs = chain.layers.back().outputs;
  const int64_t block = chain.block();
  const int64_t piece = std::max<int64_t>(1, PIECE / chain.products / block) * block;
  const int64_t pieces = (rows + piece - 1) / piece;
  std::atomic<int64_t> next{0};
  std::atomic<bool> lacking{false};
  auto work = [&] {
    auto between = room(chain, piece);
    if (!between) lacking = true;
    for (int64_t i; between && (i = next++) < pieces;) {
      const int64_t first = i * piece, count = std::min(piece, rows - first);
      compute(chain, x + first * inputs, y + first * outputs, count, between.get());
    }
  };
  std::vector<std::thread> threads;
  try {
    const int64_t most = pieces > PIECES ? std::min(cores(), (pieces - 1) / PIECES + 1) : 1;
    while (static_cast<int64_t>(threads.size()) + 1 < most) threads.emplace_back(work);
  } catch (const std::exception&) {  // no more threads: those that there are do it
  }
  work();
  for (std::thread& thread : threads) thread.join();
  return !lacking;
}

// ---------------------------------------------------------------- Python

const Chain* chain_of(PyObject* capsule) {
  return static_cast<const Chain*>(PyCapsule_GetPointer(capsule, NAME));
}

void forget(PyObject* capsule) { delete chain_of(capsule); }

// chain(forms, *arrays): a capsule. The forms are bytes, the arrays of float32 without gaps.
PyObject* chain(PyObject*, PyObject* arguments) {
  PyObject* said = PyTuple_GetItem(arguments, 0);
  char* bytes;
  Py_ssize_t length;
  if (!said || PyBytes_AsStringAndSize(said, &bytes, &length)) return nullptr;
  PyObject* capsule = nullptr;
  try {
    const Form* forms = reinterpret_cast<const Form*>(bytes);
    auto found = made(forms, length / sizeof(Form));
    if (learn(*found, forms, arguments) && (capsule = PyCapsule_New(found.get(), NAME, forget)))
      found.release();
  } catch (const std::exception&) {
    PyErr_NoMemory();
  }
  return capsule;
}

// run(chain, x, y): rows of `x` into `y`. Both are float32, without gaps.
PyObject* run(PyObject*, PyObject* arguments) {
  PyObject* capsule;
  Py_buffer x, y;
  if (!PyArg_ParseTuple(arguments, "Oy*w*", &capsule, &x, &y)) return nullptr;
  const Chain* chain = chain_of(capsule);
  bool fits = false, done = false;
  if (chain) {
    const int64_t row = chain->layers.front().inputs * sizeof(float);
    const int64_t rows = x.len / row;
    fits = x.len == rows * row && y.len == rows * chain->layers.back().outputs * 4;
    if (fits) {
      PyThreadState* state = PyEval_SaveThread();
      done = shared(*chain, static_cast<const float*>(x.buf), static_cast<float*>(y.buf), rows);
      PyEval_RestoreThread(state);
    }
    if (!fits) PyErr_Format(PyExc_ValueError, "%zd bytes into %zd", x.len, y.len);
    if (fits && !done) PyErr_NoMemory();
  }
  PyBuffer_Release(&x);
  PyBuffer_Release(&y);
  return done ? Py_NewRef(Py_None) : nullptr;
}

// What an answer is told, in the order of `few`'s arguments.
enum Told { CHAIN, TYPE, DTYPE, SHAPE, MAKER, SHAPES, CELLS, KNOWN, TOLD };

// Whether each cell (a dict) has the value that is known.
bool unchanged(PyObject* cells, PyObject* known) {
  static PyObject* const key = PyUnicode_InternFromString("_value");
  for (Py_ssize_t i = PyTuple_Size(known) - 1; i >= 0; --i)
    if (PyDict_GetItemWithError(PyTuple_GetItem(cells, i), key) != PyTuple_GetItem(known, i))
      return false;
  return true;
}

// The rows of `in`, if they are of that shape and as many as there are shapes for; else 0.
int64_t rows_of(const Py_buffer& in, PyObject* shape, PyObject* shapes) {
  const Py_ssize_t size = PyBytes_Size(shape), axes = size / sizeof(Py_ssize_t);
  if (in.ndim != axes + 1 || std::memcmp(in.shape + 1, PyBytes_AsString(shape), size)) return 0;
  return in.shape[0] < PyTuple_Size(shapes) ? in.shape[0] : 0;
}

// Outputs for `x`; None for anything but few rows as told, and where a cell has another value.
PyObject* answer(PyObject* told, PyObject* x) {
  static PyObject* const name = PyUnicode_InternFromString("dtype");
  auto at = [told](Told which) { return PyTuple_GetItem(told, which); };
  const Chain* chain = chain_of(at(CHAIN));
  if (reinterpret_cast<PyObject*>(Py_TYPE(x)) != at(TYPE)) return Py_NewRef(Py_None);
  PyObject* dtype = PyObject_GetAttr(x, name);
  Py_XDECREF(dtype);
  if (dtype != at(DTYPE)) return dtype ? Py_NewRef(Py_None) : nullptr;
  Py_buffer in, out;
  if (PyObject_GetBuffer(x, &in, PyBUF_ND)) {  // it has gaps
    PyErr_Clear();
    return Py_NewRef(Py_None);
  }
  const int64_t rows = rows_of(in, at(SHAPE), at(SHAPES));
  PyObject* made = nullptr;
  if (!rows || !unchanged(at(CELLS), at(KNOWN))) {
    made = Py_NewRef(Py_None);
  } else if ((made = PyObject_CallFunctionObjArgs(at(MAKER), PyTuple_GetItem(at(SHAPES), rows),
                                                  at(DTYPE), nullptr))) {
    auto between = room(*chain, rows);
    if (!between || PyObject_GetBuffer(made, &out, PyBUF_CONTIG)) {
      if (!between) PyErr_NoMemory();
      Py_CLEAR(made);
    } else {
      compute(*chain, static_cast<const float*>(in.buf), static_cast<float*>(out.buf), rows,
              between.get());
      PyBuffer_Release(&out);
    }
  }
  PyBuffer_Release(&in);
  return made;
}

PyMethodDef ANSWER = {"answer", answer, METH_O, "Outputs for few rows, or None."};

// few(chain, type, dtype, shape, maker, shapes, cells, known): `answer`, bound to these.
PyObject* few(PyObject*, PyObject* told) {
  if (PyTuple_Size(told) == TOLD) return PyCFunction_NewEx(&ANSWER, told, nullptr);
  return PyErr_Format(PyExc_TypeError, "few takes %d arguments", int{TOLD});
}

PyMethodDef FUNCTIONS[] = {
    {"chain", chain, METH_VARARGS, "A chain of layers: (forms, *arrays)."},
    {"run", run, METH_VARARGS, "Rows through a chain: (chain, x, y)."},
    {"few", few, METH_VARARGS, "A function of few rows."},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef MODULE = {
    PyModuleDef_HEAD_INIT, "_chain", nullptr, 0, FUNCTIONS, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__chain() { return PyModuleDef_Init(&MODULE); }

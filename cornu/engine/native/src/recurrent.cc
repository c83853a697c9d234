// LSTM and GRU over all steps, forward and backward, time first.
//
// Rows do not see each other, so each thread takes its rows through all steps and waits for nobody.
// It computes what inputs give to the gates for some steps ahead, as many as stay in its cache. The
// gradients of the weights are one product over all steps. Products are by AMX where that is faster
// (`on_tiles`), else by vectors and oneDNN.
#include <immintrin.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <optional>

#include "common.h"
#include "products.h"

namespace cornu {
namespace {

using Floats = ffi::Buffer<ffi::F32>;
using Flags = ffi::Buffer<ffi::PRED>;
using Out = ffi::ResultBuffer<ffi::F32>;

constexpr int64_t DEEP = 128;        // of a product at a time: 128 * 4 vectors of 16 are 32 KB
constexpr int64_t AHEAD = 1 << 16;   // numbers that inputs give to the gates ahead of the steps
constexpr int GRU_PARTS[] = {2, 1};  // z and r, the candidate: products of their own

// A matrix inside a larger one; `jump` numbers on lies the next of several.
template <class Number>
struct Matrix {
  Number* start;
  int64_t stride, jump = 0;
};

// out (+)= a @ b for `count` pairs, b (depth, columns) as `Packed` holds it.
struct VectorProduct {
  Matrix<const float> a;
  const float* b;
  int64_t depth, columns;
  Matrix<float> out;
  int64_t count;
  bool fresh;  // whether out is set, not added to
};

// One step forward; all (rows, units) but the gates and, for GRU, (2, 3, units) of biases.
struct Step {
  int64_t units;
  const float* bias;  // or null
  float* gates;
  const uint8_t* mask;  // (rows,), or null
  const float *h, *c;
  float *new_h, *new_c;
  float* heard;  // GRU: what the candidate hears of the state
  bool keep, after;
};

// One step back.
struct StepBack {
  int64_t units;
  float* gates;
  const uint8_t* mask;
  const float *c, *c_before, *h_before, *by_output;
  float *by_h, *by_c, *by_bias, *heard, *by_heard;
  bool after;
};

using Forward = void (*)(const Step&, int64_t, int64_t);
using Backward = void (*)(const StepBack&, int64_t, int64_t);

// The functions of recurrent_lanes.h for one width of vectors.
struct Lanes {
  int64_t lanes;
  void (*product)(const VectorProduct&, int64_t, int64_t);
  Forward lstm;
  Backward lstm_back;
  Forward gru_gates, gru_state;
  Backward gru_back, gru_back_reset;
};

#define EACH_WIDTH "recurrent_lanes.h"
#include "widths.h"

#define LANES 4
#define ROWS 3
#define WIDTH narrow
#define ISA
#include "recurrent_lanes.h"

const Lanes& machine() {
  return widest() == 16 ? wide::all : widest() == 8 ? middle::all : narrow::all;
}

// ---------------------------------------------------------------- weights

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
template <class Number>
using MemoryOf = std::unique_ptr<Number[], Free>;
using Memory = MemoryOf<float>;

// Begins where a line of the caches does: a vector that lies in two lines is read twice.
template <class Number>
MemoryOf<Number> numbers(int64_t count) {
  void* memory = std::aligned_alloc(64, up(count * sizeof(Number), 64));
  if (memory == nullptr) throw std::bad_alloc();
  return MemoryOf<Number>(static_cast<Number*>(memory));
}
Memory floats(int64_t count) { return numbers<float>(count); }

// A matrix in the order in which products read it.
class Packed {
 public:
  // b(k, column) = from[k * down + column * across]
  Packed(bool tiles, const float* from, int64_t down, int64_t across, int64_t depth,
         int64_t columns)
      : from_{from, across, down}, depth_(depth), columns_(columns), tiles_(tiles) {
    tiles ? pack_panels() : pack_vectors();
  }

  // Rows begin..end-1 of `count` products.
  void multiply(Matrix<const float> a, Matrix<float> out, bool fresh, int64_t begin, int64_t end,
                int64_t count = 1) const {
    if (!tiles_) {
      machine().product({a, numbers_.get(), depth_, columns_, out, count, fresh}, begin, end);
      return;
    }
    for (int64_t i = 0; i < count; ++i, a.start += a.jump, out.start += out.jump)
      for (int64_t row = begin; row < end; row += PAIR)
        by_tiles({{a.start + row * a.stride, a.stride, 1},
                  from_,
                  std::min(PAIR, end - row),
                  columns_,
                  depth_,
                  {out.start + row * out.stride, out.stride},
                  !fresh});
  }

 private:
  void pack_vectors() {
    const int64_t lanes = machine().lanes, block = 4 * lanes;
    const int64_t blocks = (columns_ + block - 1) / block;
    numbers_ = floats(up(columns_, lanes) * depth_);
    parallel(blocks, [&](int64_t begin, int64_t end) {
      for (int64_t b = begin; b < end; ++b) {
        const int64_t first = b * block, left = columns_ - first;
        const int64_t wide = std::min(block, up(left, lanes));
        float* to = numbers_.get() + first * depth_;
        for (int64_t k = 0; k < depth_; ++k) {
          const amx::Factor row = from_.at(first, k);
          for (int64_t l = 0; l < wide; ++l) *to++ = l < left ? row.start[l * row.line] : 0.0f;
        }
      }
    });
  }

  void pack_panels() {
    const int64_t count = up(columns_, amx::SIDE) / amx::SIDE, panel = amx::panel_of(depth_);
    panels_ = numbers<amx::Half>(count * panel);
    std::atomic<bool> finite{true};
    parallel(count, [&](int64_t begin, int64_t end) {
      const int64_t column = begin * amx::SIDE, last = std::min(columns_, end * amx::SIDE);
      amx::Half* to = panels_.get() + begin * panel;
      if (!amx::pack(amx::Which::right, from_.at(column, 0), last - column, depth_, to))
        finite = false;
    });
    finite_ = finite;
  }

  // Up to two panels of rows.
  void by_tiles(const Product<float>& p) const {
    const int64_t panel = amx::panel_of(depth_);
    auto* rows = static_cast<amx::Half*>(scratch(0, 2 * panel * sizeof(amx::Half)));
    if (!finite_ || !amx::pack(amx::Which::left, p.left, p.rows, depth_, rows)) {
      on_team_thread([&] { plainly(p); });
      return;
    }
    const amx::Half* columns = panels_.get();
    for (int64_t column = 0; column < columns_; column += PAIR, columns += 2 * panel)
      amx::multiply(rows, columns, depth_, {p.result.start + column, p.result.row}, p.rows,
                    std::min(PAIR, columns_ - column), p.more);
  }

  amx::Factor from_;
  int64_t depth_, columns_;
  bool tiles_, finite_ = true;
  Memory numbers_;
  MemoryOf<amx::Half> panels_;
};

// The weights of a layer as they are passed in: (features, width), (units, width).
struct Weights {
  const float *kernel, *recurrent, *bias;
};

// ---------------------------------------------------------------- sizes

struct Sizes {
  int64_t time, rows, features, units, gates;
  bool reverse, after;
  bool tiles = false;  // products are by AMX

  int64_t width() const { return gates * units; }
  int64_t state() const { return rows * units; }
  double work() const { return 1.0 * time * rows * width() * (features + units); }
  // The place of the `step`th step that is computed.
  int64_t place(int64_t step) const { return reverse ? time - 1 - step : step; }
};

// Whether AMX is faster. It computes 16 rows and 32 numbers of a sum or none (411 GFLOP/s of a
// core for 16 rows and 128 units, with vectors 160), and reads six bytes of a weight where vectors
// read four: for 16 rows and 512 units, which stay in no cache of a core, nothing is gained.
bool on_tiles(const Sizes& s) {
  constexpr int64_t CACHED = 3 << 20;  // bytes of panels
  const int64_t share = part_of(s.rows), most = std::max(s.features, s.units);
  const int64_t used = share * (s.features + s.units);
  const int64_t computed =
      up(share, amx::SIDE) * (up(s.features, amx::DEPTH) + up(s.units, amx::DEPTH));
  return (share >= PAIR || 6 * most * s.width() <= CACHED) && 2 * used >= computed && amx::usable();
}

template <class F>
ffi::Error run(const Sizes& s, double work, ffi::ThreadPool& pool, F&& f) {
  return s.tiles ? cornu::run(work, pool, f) : cornu::run(work, f);
}

float* or_null(const Floats& x) { return x.element_count() ? x.typed_data() : nullptr; }

const uint8_t* or_null(const Flags& x) {
  return x.element_count() ? reinterpret_cast<const uint8_t*>(x.typed_data()) : nullptr;
}

// ---------------------------------------------------------------- forward

// The registers of AMX for this thread, where they are used.
class Tiles {
 public:
  explicit Tiles(bool used) {
    if (used) tiles_.emplace();
  }

 private:
  std::optional<amx::Tiles> tiles_;
};

// Where forward puts what it makes: `hs` of all steps or null, and for the way back `gates`, `cs`
// and `heard`. Without a way back these hold `ahead` steps, none, and one.
struct Made {
  float *hs, *h, *c, *gates, *cs, *heard, *other_h;
  bool keep;
  int64_t ahead;
};

// Rows begin..end-1 through all steps.
class Walk {
 public:
  Walk(const Sizes& s, const Weights& w, const uint8_t* mask, const Made& made, int64_t begin,
       int64_t end)
      : s_(s), w_(w), mask_(mask), made_(made), begin_(begin), end_(end) {}

  void run(const float* x, const Packed& kernel, const std::vector<Packed>& recurrent,
           const float* h, const float* c) const {
    for (int64_t first = 0; first < s_.time; first += made_.ahead) {
      const int64_t count = std::min(made_.ahead, s_.time - first);
      project(x, kernel, first, count);
      for (int64_t i = first; i < first + count; ++i) {
        const Step one = at(i, h, c);
        s_.gates == 4 ? lstm(one, recurrent) : gru(one, recurrent);
        h = one.new_h;
        c = one.new_c;
      }
    }
    const int64_t own = (end_ - begin_) * s_.units, skip = begin_ * s_.units;
    if (h != made_.h) std::copy_n(h + skip, own, made_.h + skip);
    if (s_.gates == 4 && c != made_.c) std::copy_n(c + skip, own, made_.c + skip);
  }

 private:
  // What inputs give to the gates of `count` steps.
  void project(const float* x, const Packed& kernel, int64_t first, int64_t count) const {
    const int64_t x_step = s_.rows * s_.features, step = s_.rows * s_.width();
    const Matrix<const float> from{x + s_.place(first) * x_step, s_.features,
                                   s_.reverse ? -x_step : x_step};
    const Matrix<float> to{gates(first), s_.width(), s_.reverse && made_.keep ? -step : step};
    const bool together = !s_.reverse && end_ - begin_ == s_.rows;  // one matrix of all steps' rows
    together ? kernel.multiply(from, to, true, 0, count * s_.rows)
             : kernel.multiply(from, to, true, begin_, end_, count);
  }

  float* gates(int64_t step) const {
    return made_.gates + (made_.keep ? s_.place(step) : step % made_.ahead) * s_.rows * s_.width();
  }

  Step at(int64_t step, const float* h, const float* c) const {
    const int64_t place = s_.place(step), state = place * s_.state();
    Step one{s_.units, w_.bias, gates(step), mask_ ? mask_ + place * s_.rows : nullptr, h, c};
    one.new_h = made_.hs ? made_.hs + state : (s_.time - step) % 2 ? made_.h : made_.other_h;
    one.new_c = made_.keep ? made_.cs + state : made_.c;
    one.heard = made_.keep ? made_.heard + state : made_.heard;
    one.keep = made_.keep;
    one.after = s_.after;
    return one;
  }

  void lstm(const Step& one, const std::vector<Packed>& recurrent) const {
    recurrent[0].multiply({one.h, s_.units}, {one.gates, s_.width()}, false, begin_, end_);
    machine().lstm(one, begin_, end_);
  }

  void gru(const Step& one, const std::vector<Packed>& recurrent) const {
    const int64_t units = s_.units, width = s_.width();
    recurrent[0].multiply({one.h, units}, {one.gates, width}, false, begin_, end_);
    if (s_.after) recurrent[1].multiply({one.h, units}, {one.heard, units}, true, begin_, end_);
    machine().gru_gates(one, begin_, end_);
    if (!s_.after) {
      float* candidate = one.gates + 2 * units;
      recurrent[1].multiply({one.heard, units}, {candidate, width}, false, begin_, end_);
    }
    machine().gru_state(one, begin_, end_);
  }

  const Sizes& s_;
  const Weights& w_;
  const uint8_t* mask_;
  const Made& made_;
  int64_t begin_, end_;
};

// The recurrent kernel, one part for each product; transposed for the way back.
std::vector<Packed> packed(const Sizes& s, const float* recurrent, bool transposed) {
  std::vector<Packed> parts;
  int64_t column = 0;
  auto add = [&](int64_t gates) {
    const float* from = recurrent + column;
    const int64_t wide = gates * s.units;
    transposed ? parts.emplace_back(s.tiles, from, int64_t{1}, s.width(), wide, s.units)
               : parts.emplace_back(s.tiles, from, s.width(), int64_t{1}, s.units, wide);
    column += wide;
  };
  if (s.gates == 4) add(4);
  if (s.gates == 3)
    for (int part : GRU_PARTS) add(part);
  return parts;
}

ffi::Error Recurrent(ffi::ThreadPool pool, Floats x, Floats kernel, Floats recurrent, Floats bias,
                     Floats h, Floats c, Flags mask, Out hs, Out last_h, Out last_c, Out gates,
                     Out cs, Out heard, int64_t count, bool reverse, bool after) {
  const auto over = x.dimensions();
  Sizes s{over[0], over[1], over[2], h.dimensions()[1], count, reverse, after};
  s.tiles = on_tiles(s);
  const Weights w{kernel.typed_data(), recurrent.typed_data(), or_null(bias)};
  const bool keep = gates->element_count() > 0;
  return run(s, s.rows > 1 ? s.work() : 0, pool, [&] {  // one row is one thread's
    Made made{or_null(*hs),
              last_h->typed_data(),
              last_c->typed_data(),
              or_null(*gates),
              or_null(*cs),
              or_null(*heard),
              nullptr,
              keep};
    const int64_t ahead = AHEAD / (part_of(s.rows) * s.width());
    made.ahead = std::max<int64_t>(1, std::min(s.time, ahead));
    Memory spare;  // for what is not kept
    if (!keep) {
      const int64_t gates_ahead = made.ahead * s.rows * s.width();
      spare = floats(gates_ahead + 2 * s.state());
      made.gates = spare.get(), made.heard = spare.get() + gates_ahead;
      made.other_h = made.heard + s.state();
    }
    const Packed inputs(s.tiles, w.kernel, s.width(), 1, s.features, s.width());
    const std::vector<Packed> states = packed(s, w.recurrent, false);
    parallel(s.rows, [&](int64_t begin, int64_t end) {
      const Tiles tiles(s.tiles);
      Walk(s, w, or_null(mask), made, begin, end)
          .run(x.typed_data(), inputs, states, h.typed_data(), c.typed_data());
    });
  });
}

// ---------------------------------------------------------------- backward

// What forward left, and slopes: by_hs null where no outputs but the last were wanted.
struct Seen {
  const float *x, *hs, *h, *c, *cs, *by_hs;
  float *gates, *heard;  // become slopes by what went into the gates
  const uint8_t* mask;
  float *by_h, *by_c;  // (rows, units)
};

// Rows begin..end-1 back through all steps; adds to by_bias (4, units). by_heard: (rows, units).
void back(const Sizes& s, const Seen& seen, const std::vector<Packed>& recurrent, float* by_bias,
          float* by_heard, int64_t begin, int64_t end) {
  const int64_t units = s.units, width = s.width();
  for (int64_t i = s.time - 1; i >= 0; --i) {
    const int64_t at = s.place(i) * s.state();
    const int64_t before = i > 0 ? s.place(i - 1) * s.state() : 0;
    StepBack one{};
    one.units = units, one.after = s.after, one.by_bias = by_bias, one.by_heard = by_heard;
    one.gates = seen.gates + s.place(i) * s.rows * width;
    one.mask = seen.mask ? seen.mask + s.place(i) * s.rows : nullptr;
    one.by_output = seen.by_hs ? seen.by_hs + at : nullptr;
    one.by_h = seen.by_h, one.by_c = seen.by_c;
    one.h_before = i > 0 ? seen.hs + before : seen.h;
    if (s.gates == 4) {
      one.c = seen.cs + at;
      one.c_before = i > 0 ? seen.cs + before : seen.c;
      machine().lstm_back(one, begin, end);
    } else {
      one.heard = seen.heard + at;
      machine().gru_back(one, begin, end);
      if (s.after) {
        recurrent[1].multiply({one.heard, units}, {one.by_h, units}, false, begin, end);
      } else {
        const float* by_candidate = one.gates + 2 * units;
        recurrent[1].multiply({by_candidate, width}, {by_heard, units}, true, begin, end);
        machine().gru_back_reset(one, begin, end);
      }
    }
    recurrent[0].multiply({one.gates, width}, {one.by_h, units}, false, begin, end);
  }
}

// aᵀ @ b, with a (depth, rows), and b (depth, columns) whose rows lie `b_row` apart.
Product<float> turned_product(const float* a, int64_t rows, const float* b, int64_t b_row,
                              int64_t columns, int64_t depth, const amx::Block& result) {
  return {{a, 1, rows}, {b, 1, b_row}, rows, columns, depth, result};
}

// Products with the slopes of the first step, and those with the slopes of all others, which are
// added to them.
struct Groups {
  Alike<float> first, others;
};

// Inputs or states before each step, transposed, times slopes, `stride` numbers a row: n columns of
// a gradient. `at_first`: what is before the first step; `before`: what is before the other ones,
// in the order in which they lie.
void add(const Sizes& s, const float* at_first, const float* before, int64_t size,
         const float* slopes, int64_t stride, int64_t n, const amx::Block& out, Groups* groups) {
  const float* first = slopes + s.place(0) * s.rows * stride;
  groups->first.push_back(turned_product(at_first, size, first, stride, n, s.rows, out));
  if (s.time == 1) return;
  const float* others = slopes + (s.reverse ? 0 : s.rows * stride);
  const int64_t depth = (s.time - 1) * s.rows;
  groups->others.push_back(turned_product(before, size, others, stride, n, depth, out));
  groups->others.back().more = true;
}

// The products that make the gradients of both kernels, in their order.
std::vector<Alike<float>> by_weights(const Sizes& s, const Seen& seen, float* by_kernel,
                                     float* by_recurrent) {
  const int64_t units = s.units, width = s.width(), all = s.time * s.rows;
  const amx::Block kernel{by_kernel, width}, recurrent{by_recurrent, width};
  const amx::Block candidate{by_recurrent + 2 * units, width};
  const float* before = seen.hs + (s.reverse ? s.state() : 0);
  const auto with_states = [&](const float* slopes, int64_t stride, int64_t n,
                               const amx::Block& out, Groups* groups) {
    add(s, seen.h, before, units, slopes, stride, n, out, groups);
  };
  Groups gates, heard;
  if (s.gates == 4) {
    const int64_t step = s.rows * s.features;
    add(s, seen.x + s.place(0) * step, seen.x + (s.reverse ? 0 : step), s.features, seen.gates,
        width, width, kernel, &gates);
    with_states(seen.gates, width, width, recurrent, &gates);
    return {gates.first, gates.others};
  }
  std::vector<Alike<float>> made{
      {turned_product(seen.x, s.features, seen.gates, width, width, all, kernel)}};
  with_states(seen.gates, width, 2 * units, recurrent, &gates);
  made.insert(made.end(), {gates.first, gates.others});
  if (s.after) {
    with_states(seen.heard, units, units, candidate, &heard);
    made.insert(made.end(), {heard.first, heard.others});
  } else {
    const float* slopes = seen.gates + 2 * units;
    made.push_back({turned_product(seen.heard, units, slopes, width, units, all, candidate)});
  }
  return made;
}

void compute_all(const Sizes& s, const std::vector<Alike<float>>& groups) {
  const auto one_by_one = [&] {
    for (const auto& group : groups)
      for (const auto& p : group) plainly(p);
  };
  if (!s.tiles) return one_by_one();
  bool finite = true;
  for (const auto& group : groups) finite = finite && (group.empty() || compute(group));
  if (!finite) on_team_thread(one_by_one);
}

ffi::Error RecurrentBack(ffi::ThreadPool pool, Floats gates, Floats heard, Floats cs, Floats hs,
                         Floats x, Floats recurrent, Floats h, Floats c, Flags mask, Floats by_hs,
                         Floats by_last_h, Floats by_last_c, Out slopes, Out by_heard,
                         Out by_kernel, Out by_recurrent, Out by_bias, Out by_h, Out by_c,
                         int64_t count, bool reverse, bool after) {
  const auto over = x.dimensions();
  Sizes s{over[0], over[1], over[2], h.dimensions()[1], count, reverse, after};
  s.tiles = on_tiles(s);
  auto same = [](const Floats& from, float* to) {
    if (from.element_count() && from.typed_data() != to) {
      std::copy_n(from.typed_data(), from.element_count(), to);
    }
  };
  return run(s, 2 * s.work(), pool, [&] {
    same(gates, slopes->typed_data());
    same(heard, by_heard->typed_data());
    same(by_last_h, by_h->typed_data());
    same(by_last_c, by_c->typed_data());
    const Seen seen{
        x.typed_data(), hs.typed_data(),    h.typed_data(),       c.typed_data(),
        or_null(cs),    or_null(by_hs),     slopes->typed_data(), by_heard->typed_data(),
        or_null(mask),  by_h->typed_data(), by_c->typed_data()};
    const std::vector<Packed> states = packed(s, recurrent.typed_data(), true);
    const Memory by_candidate = floats(s.state());
    const int64_t all = 4 * s.units;
    std::vector<float> sums(threads() * all);  // each part's, added in order
    parallel(s.rows, [&](int64_t begin, int64_t end) {
      const Tiles tiles(s.tiles);
      float* own = sums.data() + begin / part_of(s.rows) * all;
      back(s, seen, states, own, by_candidate.get(), begin, end);
    });
    std::fill_n(by_bias->typed_data(), all, 0.0f);
    for (size_t i = 0; i < sums.size(); ++i) by_bias->typed_data()[i % all] += sums[i];
    compute_all(s, by_weights(s, seen, by_kernel->typed_data(), by_recurrent->typed_data()));
  });
}

#define CORNU_OVER_TIME .Attr<int64_t>("gates").Attr<bool>("reverse").Attr<bool>("after")

CORNU_HANDLER(cornu_recurrent, Recurrent,
              ffi::Ffi::Bind()
                  .Ctx<ffi::ThreadPool>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Arg<Flags>()
                  .Ret<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>() CORNU_OVER_TIME);
CORNU_HANDLER(cornu_recurrent_back, RecurrentBack,
              ffi::Ffi::Bind()
                  .Ctx<ffi::ThreadPool>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Arg<Flags>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>()
                  .Ret<Floats>() CORNU_OVER_TIME);

}  // namespace
}  // namespace cornu

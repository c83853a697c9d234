// Products of matrices on AMX (amx.h), for those that are large enough.
//
// Blocks as in Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008: the
// team packs a block of the right side together, each thread packs rows of the left one for itself
// and multiplies them with all of that block.
#include <sched.h>

#include <atomic>

#include "amx.h"
#include "common.h"

namespace cornu {
namespace {

using Floats = ffi::Buffer<ffi::F32>;
using Out = ffi::ResultBuffer<ffi::F32>;

constexpr int64_t BLOCK_DEPTH = 512, BLOCK_COLUMNS = 1024, BLOCK_ROWS = 128;
constexpr int64_t PAIR = 2 * amx::SIDE;  // rows and columns that are multiplied at a time

constexpr double TIMES_FASTER = 16;  // than what `run` means by a multiplication

enum Slot { kLeft, kRight };

struct Product {
  amx::Factor left, right;
  int64_t rows, columns, depth;
  float* result;
};

int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

amx::Half* room(int slot, int64_t lines, int64_t depth) {
  const int64_t panels = up(lines, amx::SIDE) / amx::SIDE;
  return static_cast<amx::Half*>(scratch(slot, panels * amx::panel_of(depth) * sizeof(amx::Half)));
}

// Threads that share pieces of work: whoever is free takes the next one, as other threads of XLA may
// hold a core for a while. They finish within microseconds of each other, so that it is not worth
// sleeping until all are done.
class Pieces {
 public:
  // f(begin, end) over pieces of 0..n-1, by all `count` threads; returns when everybody is done.
  template <class F>
  void share(int64_t n, int64_t piece, int64_t count, F&& f) {
    for (int64_t i; (i = taken_.fetch_add(1) * piece) < n;) f(i, std::min(n, i + piece));
    meet(count);
  }

 private:
  static constexpr int PATIENCE = 4000;

  void meet(int64_t count) {
    const int64_t round = round_.load();
    if (here_.fetch_add(1) + 1 == count) {
      here_.store(0);
      taken_.store(0);
      round_.store(round + 1);
      return;
    }
    for (int turn = 0; round_.load() == round; ++turn)
      turn < PATIENCE ? __builtin_ia32_pause() : static_cast<void>(sched_yield());
  }

  std::atomic<int64_t> taken_{0}, here_{0}, round_{0};
};

// Part of an axis.
struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

// Rows of a block of the result, whose right side is packed.
bool multiplied(const Product& p, const amx::Half* right, Range down, Range across, Range deep) {
  const int64_t panel = amx::panel_of(deep.size());
  amx::Half* left = room(kLeft, down.size(), deep.size());
  const amx::Factor rows = p.left.at(down.begin, deep.begin);
  const bool finite = amx::pack(amx::Which::left, rows, down.size(), deep.size(), left);
  for (int64_t column = across.begin; column < across.end; column += PAIR) {
    const amx::Half* panels = right + (column - across.begin) / amx::SIDE * panel;
    for (int64_t row = down.begin; row < down.end; row += PAIR) {
      const amx::Block c{p.result + row * p.columns + column, p.columns};
      amx::multiply(left + (row - down.begin) / amx::SIDE * panel, panels, deep.size(), c,
                    std::min(PAIR, down.end - row), std::min(PAIR, across.end - column),
                    deep.begin > 0);
    }
  }
  return finite;
}

// Rows that a thread takes at a time: some pieces for each thread, but not too small ones.
int64_t rows_at_once(const Product& p, int64_t count) {
  return std::clamp(up(p.rows / (4 * count), PAIR), PAIR, BLOCK_ROWS);
}

// What each of `count` threads does to compute one product together. `packed`: room for a block of
// the right side. False where a number has no parts.
bool compute(const Product& p, amx::Half* packed, Pieces& pieces, int64_t count) {
  const amx::Tiles tiles;
  const int64_t most = rows_at_once(p, count);
  bool finite = true;
  for (int64_t column = 0; column < p.columns; column += BLOCK_COLUMNS) {
    const Range across{column, std::min(p.columns, column + BLOCK_COLUMNS)};
    for (int64_t k = 0; k < p.depth; k += BLOCK_DEPTH) {
      const Range deep{k, std::min(p.depth, k + BLOCK_DEPTH)};
      pieces.share(across.size(), 2 * PAIR, count, [&](int64_t begin, int64_t end) {
        amx::Half* to = packed + begin / amx::SIDE * amx::panel_of(deep.size());
        const amx::Factor lines = p.right.at(column + begin, k);
        finite &= amx::pack(amx::Which::right, lines, end - begin, deep.size(), to);
      });
      pieces.share(p.rows, most, count, [&](int64_t begin, int64_t end) {
        finite &= multiplied(p, packed, {begin, end}, across, deep);
      });
    }
  }
  return finite;
}

amx::Half* room_for_block(const Product& p) {
  return room(kRight, std::min(p.columns, BLOCK_COLUMNS), std::min(p.depth, BLOCK_DEPTH));
}

// The whole team computes one product.
bool together(const Product& p) {
  std::atomic<bool> finite{true};
  amx::Half* packed = room_for_block(p);
  Pieces pieces;
#pragma omp parallel
  if (!compute(p, packed, pieces, omp_get_num_threads())) finite = false;
  return finite;
}

// Each thread computes some of many products.
bool apart(int64_t count, const std::function<Product(int64_t)>& product) {
  std::atomic<bool> finite{true};
  parallel(count, [&](int64_t begin, int64_t end) {
    Pieces alone;
    for (int64_t i = begin; i < end; ++i) {
      const Product p = product(i);
      if (!compute(p, room_for_block(p), alone, 1)) finite = false;
    }
  });
  return finite;
}

// The usual way, for numbers that have no parts.
void plainly(const Product& p) {
  const auto letter = [](bool turned) { return turned ? 'T' : 'N'; };
  const bool left_turned = p.left.step != 1, right_turned = p.right.line != 1;
  const auto status = dnnl_sgemm(letter(left_turned), letter(right_turned), p.rows, p.columns,
                                 p.depth, 1, p.left.start, left_turned ? p.left.step : p.left.line,
                                 p.right.start, right_turned ? p.right.line : p.right.step, 0,
                                 p.result, p.columns);
  dnnl::error::wrap_c_api(status, "a product of matrices");
}

struct Sizes {
  int64_t first, second;  // of the last two axes
};
Sizes last_of(const Floats& x) {
  const auto sizes = x.dimensions();
  return {sizes[sizes.size() - 2], sizes[sizes.size() - 1]};
}

// a (..., rows, depth) or, turned, (..., depth, rows); b (..., depth, columns) or turned.
ffi::Error Multiply(Floats a, Floats b, Out c, bool a_turned, bool b_turned) {
  const Sizes left = last_of(a), right = last_of(b);
  const int64_t rows = a_turned ? left.second : left.first;
  const int64_t depth = a_turned ? left.first : left.second;
  const int64_t columns = b_turned ? right.first : right.second;
  const int64_t count = c->element_count() / (rows * columns);
  const auto product = [&](int64_t i) {
    const float* x = a.typed_data() + i * rows * depth;
    const float* y = b.typed_data() + i * depth * columns;
    const amx::Factor by_rows = a_turned ? amx::Factor{x, 1, rows} : amx::Factor{x, depth, 1};
    const amx::Factor by_columns = b_turned ? amx::Factor{y, depth, 1} : amx::Factor{y, 1, columns};
    return Product{by_rows, by_columns, rows, columns, depth, c->typed_data() + i * rows * columns};
  };
  return run(double(count) * rows * columns * depth / TIMES_FASTER, [&] {
    const bool finite = count == 1 ? together(product(0)) : apart(count, product);
    for (int64_t i = 0; !finite && i < count; ++i) plainly(product(i));
  });
}

CORNU_HANDLER(cornu_product, Multiply,
              ffi::Ffi::Bind()
                  .Arg<Floats>()
                  .Arg<Floats>()
                  .Ret<Floats>()
                  .Attr<bool>("a_turned")
                  .Attr<bool>("b_turned"));

}  // namespace
}  // namespace cornu

// Whether products can be computed here.
CORNU_EXPORT int cornu_has_products() { return cornu::amx::usable(); }

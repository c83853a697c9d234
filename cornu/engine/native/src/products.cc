// Products of matrices on AMX (amx.h), for those that are large enough.
//
// Blocks as in Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication", 2008: a
// block of the right side is packed, then rows of the left one, and these multiplied with all of
// that block. Of one product each thread computes a share; of several with one right side, threads
// pack that together.
#include "products.h"

#include <atomic>

#include "common.h"

namespace cornu {
namespace {

using amx::Half;

// Sides of the blocks that are packed.
struct Blocks {
  int64_t rows, depth, columns;
};

void plainly(const Product<Half>&) {}  // always parts of themselves, and never without tiles

constexpr double TIMES_FASTER = 8;  // than what `run` means by a multiplication

enum Slot { kLeft, kRight };

Blocks blocks_of(const Product<float>& p) { return {128, std::min<int64_t>(p.depth, 512), 1024}; }

// A result of 16 bits cannot wait for more to be added to it.
Blocks blocks_of(const Product<Half>& p) {
  const auto lines = [&](int64_t numbers) {
    return std::max(PAIR, numbers / p.depth / PAIR * PAIR);
  };
  return {std::min<int64_t>(lines(1 << 18), 256), p.depth, std::min<int64_t>(lines(1 << 19), 2048)};
}

template <class Number>
Half* room(int slot, int64_t lines, int64_t depth) {
  const int64_t panels = up(lines, amx::SIDE) / amx::SIDE;
  return static_cast<Half*>(scratch(slot, panels * amx::panel_of<Number>(depth) * sizeof(Half)));
}

// Part of an axis.
struct Range {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

// Rows of a block of the result, whose right side is packed.
template <class Number>
bool multiplied(const Product<Number>& p, const Half* right, Range down, Range across, Range deep) {
  const int64_t panel = amx::panel_of<Number>(deep.size());
  Half* left = room<Number>(kLeft, down.size(), deep.size());
  const auto rows = p.left.at(down.begin, deep.begin);
  const bool finite = amx::pack(amx::Which::left, rows, down.size(), deep.size(), left);
  for (int64_t column = across.begin; column < across.end; column += PAIR) {
    const Half* panels = right + (column - across.begin) / amx::SIDE * panel;
    for (int64_t row = down.begin; row < down.end; row += PAIR) {
      const Half* lines = left + (row - down.begin) / amx::SIDE * panel;
      const amx::BlockOf<Number> c{p.result.start + row * p.result.row + column, p.result.row};
      const int64_t high = std::min(PAIR, down.end - row),
                    wide = std::min(PAIR, across.end - column);
      if constexpr (amx::PARTS<Number> == 1) {
        amx::multiply(lines, panels, deep.size(), c, high, wide);
      } else {
        amx::multiply(lines, panels, deep.size(), c, high, wide, p.more || deep.begin > 0);
        if (p.finish && deep.end == p.depth) p.finish(c.start, c.row, high, wide, p.bias + column);
      }
    }
  }
  return finite;
}

// Blocks of the result one after the other; all threads pack the right side of each, and then
// multiply. False where a number has no parts.
template <class Number>
bool computed(const Alike<Number>& all) {
  const Product<Number>& first = all.front();
  const Blocks most = blocks_of(first);
  Half* packed = room<Number>(kRight, std::min(first.columns, most.columns), most.depth);
  std::atomic<bool> finite{true};
  std::vector<Phase> phases;
  for (int64_t column = 0; column < first.columns; column += most.columns) {
    const Range across{column, std::min(first.columns, column + most.columns)};
    for (int64_t k = 0; k < first.depth; k += most.depth) {
      const Range deep{k, std::min(first.depth, k + most.depth)};
      const auto pack = [=, &first, &finite](int64_t begin, int64_t end) {
        Half* to = packed + begin / amx::SIDE * amx::panel_of<Number>(deep.size());
        const auto lines = first.right.at(across.begin + begin, deep.begin);
        if (!amx::pack(amx::Which::right, lines, end - begin, deep.size(), to)) finite = false;
      };
      phases.push_back({across.size(), 2 * PAIR, pack});
      for (const Product<Number>& p : all) {
        const auto multiply = [=, &p, &finite](int64_t begin, int64_t end) {
          const amx::Tiles tiles;
          if (!multiplied(p, packed, {begin, end}, across, deep)) finite = false;
        };
        const int64_t rows = std::clamp(up(p.rows / (4 * threads()), PAIR), PAIR, most.rows);
        phases.push_back({p.rows, rows, multiply});
      }
    }
  }
  in_phases(std::move(phases));
  return finite;
}

// Whether a product by one thread is faster on tiles than by oneDNN, which packs less: those save 8
// ps a multiplication, and packing takes 0.27 ns a number.
bool on_tiles(const Product<float>& p) {
  return amx::usable() && p.rows * p.columns > 35 * (p.rows + p.columns);
}
bool on_tiles(const Product<Half>&) { return true; }

// One product by this thread.
template <class Number>
bool computed_alone(const Product<Number>& p) {
  const Alone alone;
  if (on_tiles(p)) return computed<Number>({p});
  plainly(p);
  return true;
}

// Each thread computes some of many products, which `product` makes.
template <class Number, class Make>
bool apart(int64_t count, int64_t piece, Make&& product) {
  std::atomic<bool> finite{true};
  in_pieces(count, piece, [&](int64_t begin, int64_t end) {
    if (!computed_alone<Number>(product(begin, end))) finite = false;
  });
  return finite;
}

// One product, of which each thread computes lines of the longer side. It packs the shorter one for
// itself: what another core has packed comes out of that one's caches, which takes longer. Least
// wall ms of 800 on a busy machine, so / packed together: (256, 784) by (784, 128) 0.16 / 0.20,
// (128, 256) by (256, 784) 0.16 / 0.25, (128, 6272) by (6272, 512) 2.5 / 3.5.
template <class Number>
bool in_shares(const Product<Number>& p) {
  const bool by_rows = p.rows >= p.columns;
  const int64_t lines = by_rows ? p.rows : p.columns, share = up(part_of(lines), PAIR);
  return apart<Number>(lines, share, [&](int64_t begin, int64_t end) {
    Product<Number> part = p;
    if (by_rows) {
      part.left = p.left.at(begin, 0);
      part.result.start += begin * p.result.row;
      part.rows = end - begin;
    } else {
      part.right = p.right.at(begin, 0);
      part.result.start += begin;
      part.bias += p.bias ? begin : 0;
      part.columns = end - begin;
    }
    return part;
  });
}

struct Sizes {
  int64_t first, second;  // of the last two axes
};
Sizes last_of(const ffi::AnyBuffer& x) {
  const auto sizes = x.dimensions();
  return {sizes[sizes.size() - 2], sizes[sizes.size() - 1]};
}

template <class Number>
ffi::Error all_products(ffi::ThreadPool& pool, const ffi::AnyBuffer& a, const ffi::AnyBuffer& b,
                        ffi::AnyBuffer& c, bool a_turned, bool b_turned) {
  const Sizes left = last_of(a), right = last_of(b);
  const int64_t rows = a_turned ? left.second : left.first;
  const int64_t depth = a_turned ? left.first : left.second;
  const int64_t columns = b_turned ? right.first : right.second;
  const int64_t count = c.element_count() / (rows * columns);
  const auto product = [&](int64_t i) {
    const auto* x = static_cast<const Number*>(a.untyped_data()) + i * rows * depth;
    const auto* y = static_cast<const Number*>(b.untyped_data()) + i * depth * columns;
    auto* z = static_cast<Number*>(c.untyped_data()) + i * rows * columns;
    using Factor = amx::FactorOf<Number>;
    const Factor by_rows = a_turned ? Factor{x, 1, rows} : Factor{x, depth, 1};
    const Factor by_columns = b_turned ? Factor{y, depth, 1} : Factor{y, 1, columns};
    return Product<Number>{by_rows, by_columns, rows, columns, depth, {z, columns}};
  };
  return run(double(count) * rows * columns * depth / TIMES_FASTER, pool, [&] {
    const auto one = [&](int64_t i, int64_t) { return product(i); };
    const bool finite = count == 1 ? in_shares(product(0)) : apart<Number>(count, 1, one);
    const Alone alone;
    for (int64_t i = 0; !finite && i < count; ++i) plainly(product(i));
  });
}

// a (..., rows, depth) or, turned, (..., depth, rows); b (..., depth, columns) or turned.
ffi::Error Multiply(ffi::ThreadPool pool, ffi::AnyBuffer a, ffi::AnyBuffer b,
                    ffi::Result<ffi::AnyBuffer> c, bool a_turned, bool b_turned) {
  const auto f = a.element_type() == ffi::F32 ? all_products<float> : all_products<Half>;
  return f(pool, a, b, *c, a_turned, b_turned);
}

// x (rows, depth), w (depth, columns), bias (columns,).
ffi::Error Dense(ffi::ThreadPool pool, ffi::Buffer<ffi::F32> x, ffi::Buffer<ffi::F32> w,
                 ffi::Buffer<ffi::F32> bias, int32_t activation, ffi::ResultBuffer<ffi::F32> y) {
  const int64_t rows = x.dimensions()[0], depth = x.dimensions()[1], columns = w.dimensions()[1];
  Product<float> p{{x.typed_data(), depth, 1}, {w.typed_data(), 1, columns}, rows, columns, depth,
                   {y->typed_data(), columns}};
  p.finish = finish_of(static_cast<Activation>(activation));
  p.bias = bias.typed_data();
  return run(double(rows) * columns * depth / TIMES_FASTER, pool, [&] {
    if (in_shares(p)) return;
    const Alone alone;
    plainly(p);
  });
}

CORNU_HANDLER(cornu_dense, Dense,
              ffi::Ffi::Bind()
                  .Ctx<ffi::ThreadPool>()
                  .Arg<ffi::Buffer<ffi::F32>>()
                  .Arg<ffi::Buffer<ffi::F32>>()
                  .Arg<ffi::Buffer<ffi::F32>>()
                  .Attr<int32_t>("activation")
                  .Ret<ffi::Buffer<ffi::F32>>());

CORNU_HANDLER(cornu_product, Multiply,
              ffi::Ffi::Bind()
                  .Ctx<ffi::ThreadPool>()
                  .Arg<ffi::AnyBuffer>()
                  .Arg<ffi::AnyBuffer>()
                  .Ret<ffi::AnyBuffer>()
                  .Attr<bool>("a_turned")
                  .Attr<bool>("b_turned"));

}  // namespace

bool compute(const Alike<float>& all) {
  return all.size() == 1 ? in_shares(all.front()) : computed(all);
}

void plainly(const Product<float>& p) {
  const bool left_turned = p.left.step != 1, right_turned = p.right.line != 1;
  const auto letter = [](bool turned) { return turned ? 'T' : 'N'; };
  // a side of one number has no distance to the next
  const int64_t left = left_turned ? p.left.step : std::max(p.left.line, p.depth);
  const int64_t right = right_turned ? p.right.line : std::max(p.right.step, p.columns);
  const auto status = dnnl_sgemm(letter(left_turned), letter(right_turned), p.rows, p.columns,
                                 p.depth, 1, p.left.start, left, p.right.start, right,
                                 p.more ? 1 : 0, p.result.start, p.result.row);
  dnnl::error::wrap_c_api(status, "a product of matrices");
  if (p.finish) p.finish(p.result.start, p.result.row, p.rows, p.columns, p.bias);
}

}  // namespace cornu

// What products are faster here than others: 0 none, 1 those of float32, 2 of bfloat16 too.
CORNU_EXPORT int cornu_products() { return cornu::widest() < 16 ? 0 : 1 + cornu::amx::usable(); }

// Products of float32 matrices by AMX, the tile instructions of Intel's CPUs (Sapphire Rapids on).
//
// They multiply bfloat16 sixteen times as fast as vectors multiply float32. A float32 has 24 bits
// and is exactly the sum of three bfloat16 of eight: x = high + middle + low. Of the nine products
// of two such sums six matter (the other three come to 2^-26 of the whole, less than float32 keeps)
// and are added up in float32: as exact as the usual product, in 6/16 of the time.
#pragma once

#include <cstdint>

namespace cornu::amx {

constexpr int64_t SIDE = 16;   // rows or columns of a tile
constexpr int64_t DEPTH = 32;  // what one instruction sums up

// The bits of a bfloat16.
using Half = uint16_t;

// Parts of a number: three bfloat16 make a float32.
template <class Number>
constexpr int64_t PARTS = sizeof(Number) == sizeof(Half) ? 1 : 3;

// Whether this machine has the tiles, and its system lets this process use them.
bool usable();

// A factor as it lies in memory: `lines` are the rows of the left one, the columns of the right
// one; number k of line i is start[i * line + k * step], and one of the two distances is 1.
template <class Number>
struct FactorOf {
  const Number* start;
  int64_t line, step;

  FactorOf at(int64_t i, int64_t k) const { return {start + i * line + k * step, line, step}; }
};
using Factor = FactorOf<float>;

enum class Which { left, right };

// Steps of DEPTH that a depth takes.
constexpr int64_t steps_of(int64_t depth) { return (depth + DEPTH - 1) / DEPTH; }

// Numbers of a panel: SIDE lines, for each step a tile of each part, filled up with zeros.
template <class Number = float>
constexpr int64_t panel_of(int64_t depth) {
  return steps_of(depth) * PARTS<Number> * SIDE * DEPTH;
}

// Packs `lines` of a factor into panels at `to`, which begins where a line of the caches does.
// False if one of the numbers has no three parts: infinity, NaN, and what is above 3.39e38.
bool pack(Which which, const Factor& from, int64_t lines, int64_t depth, Half* to);
bool pack(Which which, const FactorOf<Half>& from, int64_t lines, int64_t depth, Half* to);

// While one lives, its thread may call `multiply`.
class Tiles {
 public:
  Tiles();
  ~Tiles();
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
};

// A block of the result: numbers to its next row.
template <class Number>
struct BlockOf {
  Number* start;
  int64_t row;
};
using Block = BlockOf<float>;

// Up to two panels of each side: `rows` and `columns` (1 to 32) of their product are written to `c`
// or, with `more`, added to what is there.
void multiply(const Half* left, const Half* right, int64_t depth, const Block& c, int64_t rows,
              int64_t columns, bool more);

// The same for panels of bfloat16: summed up in float32 and rounded once.
void multiply(const Half* left, const Half* right, int64_t depth, const BlockOf<Half>& c,
              int64_t rows, int64_t columns);

}  // namespace cornu::amx

// Products of float32 matrices on AMX (amx.h) by all threads, and the usual way.
#pragma once

#include "amx.h"

namespace cornu {

constexpr int64_t PAIR = 2 * amx::SIDE;  // rows and columns that are multiplied at a time

template <class Number>
struct Product {
  amx::FactorOf<Number> left, right;
  int64_t rows, columns, depth;
  amx::BlockOf<Number> result;
  bool more = false;  // whether it is added to what is there; never for 16 bits
};

inline int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// Where `amx::usable()`, inside `run` with a pool. False where a number has no parts: the result is
// then to be computed once more, `plainly` and from what was there before.
bool compute(const Product<float>& p);

// By oneDNN, for numbers that have no parts.
void plainly(const Product<float>& p);

}  // namespace cornu

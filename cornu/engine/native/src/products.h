// Products of float32 matrices on AMX (amx.h) by all threads, and the usual way.
#pragma once

#include <vector>

#include "amx.h"
#include "finish.h"

namespace cornu {

constexpr int64_t PAIR = 2 * amx::SIDE;  // rows and columns that are multiplied at a time

template <class Number>
struct Product {
  amx::FactorOf<Number> left, right;
  int64_t rows, columns, depth;
  amx::BlockOf<Number> result;
  bool more = false;        // whether it is added to what is there; never for 16 bits
  Finish finish = nullptr;  // what comes last, with this bias; never for 16 bits
  const float* bias = nullptr;
};

// Products with one right side, which is packed once for all of them.
template <class Number>
using Alike = std::vector<Product<Number>>;

inline int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }

// Where `amx::usable()`, inside `run` with a pool. False where a number has no parts: the results
// are then to be computed once more, `plainly` and from what was there before.
bool compute(const Alike<float>& all);

// By oneDNN, for numbers that have no parts.
void plainly(const Product<float>& p);

}  // namespace cornu

// What comes after a product or a convolution: a bias and an activation.
#pragma once

#include <cstdint>

namespace cornu {

// Numbers of the activations in `native/finish.py`.
enum class Activation : int32_t { linear, relu, sigmoid, tanh };

// Adds a bias to rows that lie `row` numbers apart, and puts them through an activation.
using Finish = void (*)(float* start, int64_t row, int64_t rows, int64_t columns,
                        const float* bias);

// Null where vectors are too short to be worth it.
Finish finish_of(Activation activation);

}  // namespace cornu

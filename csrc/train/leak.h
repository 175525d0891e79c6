// Traces in training: what arrives in a bin, and what is left of the bins before.
#pragma once
#include <cstddef>

namespace ann::train {

// Dimension letters as in ../types.h; T bins, F traces of a row. All arrays in C order.
struct Leak {
    ptrdiff_t F, T, B;
    const float* x;       // [F, T, B]
    const float* before;  // [F, B]
    const float* decay;   // [F]
    float* y;             // [F, T, B], or x
};

// y[t] = x[t] + decay y[t - 1], where y[-1] is `before`; backwards, from the last bin to the first,
// y[t] = x[t] + decay y[t + 1], where y[T] is.
void leak(const Leak&, bool backwards);

}  // namespace ann::train

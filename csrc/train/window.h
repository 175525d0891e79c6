// The tree of conductances (../README.md) in training: T bins forward, and the gradients of what
// they were made of. A few rows at a time; they lie innermost and share a vector.
#pragma once
#include <cstddef>

namespace ann::train {

// Dimension letters as in ../types.h; T bins. All arrays in C order.
struct Tree {
    ptrdiff_t N, U, T, B;
    const int* parents;     // [N]: -1, then each below its own index
    const float* gate;      // [5, N, U]: slope, bias, rate; slope and bias of activation
    const float* reversal;  // [N, U]
    const float* cable;     // [4, N]: kept charge, that plus the leak, axial conductance (but the
                            // root's), current
    const float* u;         // [N, U, T, B]: conductances
    const float *v0, *q0;   // [N, B], [N, U, B]: the state before
};

struct Course {
    float* v;      // [N, T, B]
    float *q, *s;  // [T, N, U, B]: the gates, and where they tend to
    float* d;      // [T, N, B]: a branch's own conductance, with its children's share
};

// `of_x` is the gradient with respect to x, of the shape of x.
struct Gradients {
    const float* of_v;
    float *of_gate, *of_reversal, *of_cable;  // zero at first
    float* of_u;
};

void forward(const Tree&, const Course&);
void backward(const Tree&, const Course&, const Gradients&);

}  // namespace ann::train

// A bundle's weights in the order in which the CUDA kernel reads them, and the plain struct of
// pointers and sizes that it receives.
#pragma once
#include <cstddef>
#include <vector>

#include "../reading.h"
#include "../state.h"
#include "../types.h"
#include "number.h"

namespace ann::cuda {

constexpr int tile = 16;  // rows, columns and inputs of a tensor core's tile
constexpr int most_layers = 8;
constexpr int gates = 4;

ANN_BOTH constexpr int filled_up(int n, int multiple) {
    return (n + multiple - 1) / multiple * multiple;
}

// Numbers from one row of a matrix in shared memory to the next: 16 bytes (of Bf16) more than it
// holds, so that the rows of a tile lie in different banks.
ANN_BOTH constexpr int stride_of(int columns) {
    return columns + 8;
}

// A matrix in panels: w [panels, in, stride_of(columns)] from `at` on; bias [panels, tile, columns]
// from `bias` on, every row the same, as an accumulator is loaded.
struct Dense {
    int in, panels, columns;
    size_t at, bias;
};

struct Target {  // one non-zero of the embedding
    int at;      // g * K, the first of its traces
    float gain;  // 1 / uS
};

// What a kernel sees of the weights; pointers of the host or of the device. Sizes ending in 16 are
// filled up to whole tiles, with zero weights.
template <class Number>
struct View {
    int K, GK, W, U, RK, L, H, H16, M;
    int units, D16, P16, M16;  // units = N * U; P16 is 0 without a mix
    int N, state;  // N: 0 without a tree; state: floats of a row, whole tiles, as wmma loads c
    const float *loss, *rates;  // [GK]: 1 - exp(-bin / tau), -log2(e) / tau
    const int* first;           // [C + 1]: where a channel's targets start
    const Target* targets;
    const float *branch_w, *branch_b;  // [W, RK, units], [units]
    // A tree's: [N]; [7, units]: slope and bias, times -log2(e), rate, reversal, slope and bias of
    // the activation, times -log2(e), the gate at reset; [4, N]: kept, own, axial, current.
    const int* parents;
    const float *tree_units, *cable;
    const float *head_w2, *head_b2;  // [M, O], [O]
    const float* biases;
    const Number* weights;
    size_t n_weights, n_without_mix;  // of all panels, the mix last
    Dense mix, lstm[most_layers], head1;
    Reading reading;
};

// The arrays behind a View, on the host.
template <class Number>
struct Packed {
    explicit Packed(const Spec& spec);  // throws InputError if there are too many layers

    View<Number> sizes;  // its pointers are not set
    std::vector<float> loss, rates, branch_w, branch_b, tree_units, cable, head_w2, head_b2, biases;
    std::vector<int> first, parents;
    std::vector<Target> targets;
    std::vector<Number> weights;
    std::vector<double> ap;

    View<Number> view() const;                  // of these arrays
    std::vector<float> gates_at_reset() const;  // [units] of a tree
};

// A batch's history and state, in the host's memory.
template <class Number>
Kept kept(const View<Number>& v, float* history, float* state, int newest, const float* reset) {
    const size_t row = size_t(v.state), bin = size_t(v.GK), H16 = size_t(v.H16);
    float* const tree = state + 2 * size_t(v.L) * H16;
    return {history, bin * size_t(v.W), bin, newest,      state, row, H16, tree,
            row,     tree + v.N,        row, size_t(v.U), reset};
}

}  // namespace ann::cuda

// One bin of one block of rows: the stages in order. Included by one file for each instruction set.
#pragma once
#include "branch.h"
#include "dense.h"
#include "kernel.h"
#include "lstm.h"
#include "simd.h"
#include "traces.h"
#include "tree.h"

namespace ann::cpu {
namespace {

inline void swap(float*& a, float*& b) {
    float* const c = a;
    a = b;
    b = c;
}

// h of the bin before, behind the layer's inputs: one product with one matrix.
inline void append(const Packed& p, int rows, const float* h, int stride, float* z, int z_stride) {
    const int n = p.hidden;
    for (int row = 0; row < rows; ++row)
        for (int i = 0; i < n; i += lanes)
            store(z + row * z_stride + i, load(h + row * stride + i));
}

void step_block(const Packed& p, const Block& b) {
    const NoSubnormals guard;
    const int rows = b.rows, wide = p.wide, stride = p.state;
    float* x = b.scratch;  // [rows, wide]: inputs of the next stage
    float* y = x + static_cast<size_t>(rows) * wide;
    float* gates = y + static_cast<size_t>(rows) * wide;  // see LstmRows
    float* faded = gates + static_cast<size_t>(rows) * 4 * lanes + 4 * p.hidden;

    // a few rows at a time, so that the branches find their traces in the L1 cache
    by_tiles<4>(rows, [&](auto n, int from) {
        for (int row = from; row < from + n.value; ++row) {
            float* history = b.history + static_cast<size_t>(row) * p.W * p.traces;
            const int before = b.newest > 0 ? b.newest - 1 : p.W - 1;
            float* now = history + static_cast<size_t>(b.newest) * p.traces;
            decay(p, history + static_cast<size_t>(before) * p.traces, now);
            for (size_t e = b.first[row]; e < b.first[row + 1]; ++e)
                add(p, b.events[e], now, faded);
        }
        float* u = x + static_cast<size_t>(from) * wide;
        branch_units<n.value>(p, b.history + static_cast<size_t>(from) * p.W * p.traces, b.newest,
                              u, wide);
        if (p.tree.N == 0) return;
        float *state = b.state + static_cast<size_t>(from) * stride, *scratch = u + (y - x);
        tree_voltages<n.value>(p, {u, scratch, state + p.v_at, state + p.gates_at, wide, stride});
    });
    if (p.has_mix) {
        dense<Root>(p.mix, rows, {x, wide, y, wide});
        swap(x, y);
    }
    for (int l = 0; l < p.L; ++l) {
        float *h = b.state + 2 * l * p.hidden, *c = h + p.hidden;
        append(p, rows, h, stride, x + p.lstm[l].in - p.H, wide);
        lstm_layer(p.lstm[l], rows, {x, h, c, y, wide, stride, gates});
        swap(x, y);
    }
    dense<Relu>(p.head1, rows, {x, wide, y, wide});
    dense<Nothing>(p.head2, rows, {y, wide, gates, 2 * lanes});
    for (int row = 0; row < rows; ++row)
        for (int o = 0; o < O; ++o) b.outputs[row * O + o] = gates[row * 2 * lanes + o];
}

}  // namespace
}  // namespace ann::cpu

// One bin of one block of rows: the stages in order. Included by one file for each instruction set.
#pragma once
#include "branch.h"
#include "dense.h"
#include "kernel.h"
#include "lstm.h"
#include "simd.h"
#include "traces.h"

namespace ann::cpu {
namespace {

void step_block(const Packed& p, const Block& b) {
    const NoSubnormals guard;
    const int rows = b.rows, wide = p.vectors * lanes;
    float* units = b.scratch;  // [rows, wide]
    float* mixed = units + static_cast<size_t>(rows) * wide;
    const int mix_wide = p.has_mix ? p.mix.panels * 2 * lanes : 0;
    float* faded = b.scratch + static_cast<size_t>(rows) * (p.scratch - p.faded);
    float* hidden = faded - static_cast<size_t>(rows) * p.hidden;  // [rows, hidden], of a layer

    for (int row = 0; row < rows; ++row) {
        float* history = b.history + static_cast<size_t>(row) * p.W * p.traces;
        const int before = b.newest > 0 ? b.newest - 1 : p.W - 1;
        float* now = history + static_cast<size_t>(b.newest) * p.traces;
        decay(p, history + static_cast<size_t>(before) * p.traces, now);
        for (size_t e = b.first[row]; e < b.first[row + 1]; ++e) add(p, b.events[e], now, faded);
    }
    branch_units(p, rows, b.history, b.newest, units);
    const float* x = units;
    int x_stride = wide;
    if (p.has_mix) {
        dense<false>(p.mix, rows, {units, wide, mixed, mix_wide});
        x = mixed;
        x_stride = mix_wide;
    }

    const int state_stride = p.L * 2 * p.hidden;
    for (int l = 0; l < p.L; ++l) {
        float *h = b.state + 2 * l * p.hidden, *c = h + p.hidden;
        lstm_layer(p.lstm[l], p.H, rows, {x, x_stride, h, c, state_stride, hidden, p.hidden});
        for (int row = 0; row < rows; ++row)
            for (int i = 0; i < p.hidden; i += lanes)
                store(h + static_cast<size_t>(row) * state_stride + i,
                      load(hidden + static_cast<size_t>(row) * p.hidden + i));
        x = h;
        x_stride = state_stride;
    }

    const int head_wide = p.head1.panels * 2 * lanes, out_wide = 2 * lanes;
    float* head = b.scratch;  // the units' place
    float* y = head + static_cast<size_t>(rows) * head_wide;
    dense<true>(p.head1, rows, {x, x_stride, head, head_wide});
    dense<false>(p.head2, rows, {head, head_wide, y, out_wide});
    for (int row = 0; row < rows; ++row)
        for (int o = 0; o < O; ++o) b.outputs[row * O + o] = y[row * out_wide + o];
}

}  // namespace
}  // namespace ann::cpu

// Stage 7: one LSTM layer for a block of rows. The gates of one vector of units follow their
// products, so that pre-activations never leave the L1 cache.
#pragma once
#include "../activations.h"
#include "dense.h"
#include "packed.h"
#include "simd.h"

namespace ann::cpu {
namespace {

struct LstmRows {
    const float* z;  // [rows, wide]: the layer's inputs, then h of the bin before
    float* h;        // [rows, hidden], h of this bin; rows lie `stride` apart, as those of c
    float* c;        // [rows, hidden], in place
    float* out;      // [rows, wide], h of this bin again: the next stage's input
    int wide, stride;
    float* gates;  // scratch: [rows, 4 V]; of a single row [hidden / V, 4 V]
};

// gates [rows, 4 V] of one vector of units. Two short loops overlap better than a long one.
inline void lstm_gates(int rows, const LstmRows& s, const float* gates, int unit) {
    for (int row = 0; row < rows; ++row) {
        const float* g = gates + row * 4 * lanes;
        float* c = s.c + row * s.stride + unit;
        store(c, lstm_cell(load(g), load(g + lanes), load(g + 2 * lanes), load(c)));
    }
    for (int row = 0; row < rows; ++row) {
        const Vec h =
            lstm_shown(load(gates + (4 * row + 3) * lanes), load(s.c + row * s.stride + unit));
        store(s.h + row * s.stride + unit, h);
        store(s.out + row * s.wide + unit, h);
    }
}

inline void lstm_layer(const Dense& d, int rows, const LstmRows& s) {
    if (rows == 1) dense_row<Nothing>(d, {s.z, 0, s.gates, 0});
    for (int tile = 0; tile < d.panels / 2; ++tile) {
        if (rows == 1) {
            lstm_gates(1, s, s.gates + tile * 4 * lanes, tile * lanes);
            continue;
        }
        dense_panels<Nothing, 2>(d, rows, {s.z, s.wide, s.gates, 4 * lanes}, 2 * tile);
        lstm_gates(rows, s, s.gates, tile * lanes);
    }
}

}  // namespace
}  // namespace ann::cpu

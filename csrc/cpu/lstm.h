// Stage 4: one LSTM layer for a block of rows; the gates follow their products tile by tile, so
// that pre-activations never leave the L1 cache.
#pragma once
#include "../activations.h"
#include "packed.h"
#include "product.h"

namespace ann::cpu {
namespace {

struct LstmRows {
    const float* x;  // [rows, in]
    int x_stride;
    const float* h;  // [rows, H], of the bin before
    float* c;        // [rows, V * tiles], in place
    int state_stride;
    float* out;  // [rows, V * tiles], h of this bin
    int out_stride;
};

// The gates of `tiles` vectors of units: those of a vector are two panels, (i, f) and (g, o).
template <int rows, int tiles>
inline void lstm_gates(const LstmRows& s, int row, int unit, const Vec (&gate)[rows][4 * tiles]) {
    for (int r = 0; r < rows; ++r)  // two short loops overlap better than a long one
        for (int t = 0; t < tiles; ++t) {
            const Vec* g = gate[r] + 4 * t;
            float* c = s.c + (row + r) * s.state_stride + unit + t * lanes;
            store(c, lstm_cell(g[0], g[1], g[2], load(c)));
        }
    for (int r = 0; r < rows; ++r)
        for (int t = 0; t < tiles; ++t)
            store(s.out + (row + r) * s.out_stride + unit + t * lanes,
                  lstm_shown(gate[r][4 * t + 3],
                             load(s.c + (row + r) * s.state_stride + unit + t * lanes)));
}

template <int rows, int panels>
inline void lstm_product(const Lstm& p, int H, const LstmRows& s, int row, int panel,
                         Sums<rows, panels>& sums) {
    const size_t size = static_cast<size_t>(p.in + H) * 2 * lanes;
    const float* w = p.w.data + panel * size;
    start(sums, p.bias.data + panel * 2 * lanes);
    accumulate(sums, s.x + row * s.x_stride, s.x_stride, p.in, w, size);
    accumulate(sums, s.h + row * s.state_stride, s.state_stride, H, w + p.in * 2 * lanes, size);
}

template <int rows>
inline void lstm_tile(const Lstm& p, int H, const LstmRows& s, int row, int tile) {
    Vec gate[rows][4];
    for (int half = 0; half < 2; ++half) {
        Sums<rows, 1> sums;
        lstm_product(p, H, s, row, 2 * tile + half, sums);
        for (int r = 0; r < rows; ++r) {
            gate[r][2 * half] = sums.v[r][0];
            gate[r][2 * half + 1] = sums.v[r][1];
        }
    }
    lstm_gates<rows, 1>(s, row, tile * lanes, gate);
}

// A single row: two vectors of units at once, lest each addition wait for the one before.
template <int tiles = 2>
inline void lstm_row(const Lstm& p, int H, const LstmRows& s, int tile = 0) {
    if constexpr (tiles > 0) {
        for (; tile + tiles <= p.tiles; tile += tiles) {
            Sums<1, 2 * tiles> sums;
            lstm_product(p, H, s, 0, 2 * tile, sums);
            lstm_gates<1, tiles>(s, 0, tile * lanes, sums.v);
        }
        lstm_row<tiles - 1>(p, H, s, tile);
    }
}

// A tile's weights pass over all rows before the next one's: they stay in the L1 cache.
inline void lstm_layer(const Lstm& p, int H, int rows, const LstmRows& s) {
    if (rows == 1) return lstm_row(p, H, s);
    for (int tile = 0; tile < p.tiles; ++tile)
        by_tiles(rows, [&](auto n, int row) { lstm_tile<decltype(n)::value>(p, H, s, row, tile); });
}

}  // namespace
}  // namespace ann::cpu

// y = x @ w + b for a block of rows: stages 6 and 8, the mix and the head, and the products of
// stage 7, the LSTM.
#pragma once
#include "../activations.h"
#include "packed.h"
#include "simd.h"

namespace ann::cpu {
namespace {

// Rows of a tile such that its sums (two vectors a row), two weights and an input fill the
// registers.
constexpr int tile_rows = registers == 32 ? 14 : 6;

template <int n>
struct Number {
    static constexpr int value = n;
};

// tile(Number<rows>, row) for a count of rows that is known only now.
template <int most, class Tile>
inline void one_tile(int rows, int row, const Tile& tile) {
    if constexpr (most > 0) {
        if (rows == most)
            tile(Number<most>{}, row);
        else
            one_tile<most - 1>(rows, row, tile);
    }
}

// All rows in tiles of `most`; what is left beyond them goes in two halves, since a small tile
// waits for its own sums.
template <int most, class Tile>
inline void by_tiles(int rows, const Tile& tile) {
    int row = 0;
    for (; rows - row >= 2 * most; row += most) tile(Number<most>{}, row);
    const int left = rows - row, half = left > most ? (left + 1) / 2 : left;
    one_tile<most>(half, row, tile);
    one_tile<most>(left - half, row + half, tile);
}

// What is done to a sum.
struct Nothing {
    static Vec of(Vec x) { return x; }
};
struct Relu {
    static Vec of(Vec x) { return at_least(x, Vec(0.f)); }
};
struct Root {
    static Vec of(Vec x) { return signed_root(x); }
};

struct DenseRows {
    const float* x;  // [rows, >= in]
    int x_stride;
    float* y;  // [rows, >= panels * 2 V]
    int y_stride;
};

// `rows` rows by `panels` panels, in registers. Each output is one chain of fused multiply-adds
// over the inputs 0, 1, 2, ..., whatever the tile: a row's bits do not depend on it.
template <class Then, int rows, int panels>
inline void dense_tile(const Dense& d, int panel, const float* x, int x_stride, float* y,
                       int y_stride) {
    const size_t size = static_cast<size_t>(d.in) * 2 * lanes;  // of a panel
    const float* w = d.w.data + panel * size;
    Vec sum[rows][2 * panels];
    for (int r = 0; r < rows; ++r)
        for (int v = 0; v < 2 * panels; ++v)
            sum[r][v] = load(d.bias.data + (2 * panel + v) * lanes);
    for (int i = 0; i < d.in; ++i, w += 2 * lanes)
#pragma GCC unroll 8
        for (int q = 0; q < panels; ++q) {
            const Vec w0 = load(w + q * size), w1 = load(w + q * size + lanes);
#pragma GCC unroll 16
            for (int r = 0; r < rows; ++r) {
                const Vec in(x[r * x_stride + i]);
                sum[r][2 * q] = fused(in, w0, sum[r][2 * q]);
                sum[r][2 * q + 1] = fused(in, w1, sum[r][2 * q + 1]);
            }
        }
    for (int r = 0; r < rows; ++r)
        for (int v = 0; v < 2 * panels; ++v)
            store(y + r * y_stride + v * lanes, Then::of(sum[r][v]));
}

// A single row: four panels at once, lest each addition wait for the one before.
template <class Then, int panels = 4>
inline void dense_row(const Dense& d, const DenseRows& s, int panel = 0) {
    if constexpr (panels > 0) {
        for (; panel + panels <= d.panels; panel += panels)
            dense_tile<Then, 1, panels>(d, panel, s.x, 0, s.y + panel * 2 * lanes, 0);
        dense_row<Then, panels - 1>(d, s, panel);
    }
}

// One panel of all rows: its weights stay in the L1 cache. Two or three rows take two panels at
// once, for the same reason as one row takes four.
template <class Then, int panels>
inline void dense_panels(const Dense& d, int rows, const DenseRows& s, int panel) {
    if (panels == 2 && rows <= 3)
        one_tile<3>(rows, 0, [&](auto n, int) {
            dense_tile<Then, n.value, panels>(d, panel, s.x, s.x_stride, s.y, s.y_stride);
        });
    else
        for (int q = 0; q < panels; ++q)
            by_tiles<tile_rows>(rows, [&](auto n, int row) {
                dense_tile<Then, n.value, 1>(d, panel + q, s.x + row * s.x_stride, s.x_stride,
                                             s.y + row * s.y_stride + q * 2 * lanes, s.y_stride);
            });
}

template <class Then>
inline void dense(const Dense& d, int rows, const DenseRows& s) {
    if (rows == 1) return dense_row<Then>(d, s);
    int panel = 0;
    const auto rest = [&] {
        return DenseRows{s.x, s.x_stride, s.y + panel * 2 * lanes, s.y_stride};
    };
    for (; panel + 2 <= d.panels; panel += 2) dense_panels<Then, 2>(d, rows, rest(), panel);
    if (panel < d.panels) dense_panels<Then, 1>(d, rows, rest(), panel);
}

}  // namespace
}  // namespace ann::cpu

// sum += x @ w for a tile of rows and panels, in registers: what the mix, the LSTM and the head
// are made of. A panel is two vectors of outputs wide.
#pragma once
#include "simd.h"

namespace ann::cpu {
namespace {

// Rows of a tile such that its sums (two vectors a row), two weights and an input fill the
// registers.
constexpr int tile_rows = registers == 32 ? 14 : 6;

template <int rows, int panels>
struct Sums {
    Vec v[rows][2 * panels];
};

template <int rows, int panels>
inline void start(Sums<rows, panels>& sums, const float* bias) {
    for (int r = 0; r < rows; ++r)
        for (int v = 0; v < 2 * panels; ++v) sums.v[r][v] = load(bias + v * lanes);
}

// Inputs 0 .. n - 1 of each row, in that order: each output is one chain of fused multiply-adds,
// so a row's bits do not depend on its tile. w [panels (`size` floats apart), n, 2 V].
template <int rows, int panels>
inline void accumulate(Sums<rows, panels>& sums, const float* x, int stride, int n, const float* w,
                       size_t size) {
    for (int i = 0; i < n; ++i, w += 2 * lanes)
#pragma GCC unroll 8
        for (int q = 0; q < panels; ++q) {
            const Vec w0 = load(w + q * size), w1 = load(w + q * size + lanes);
#pragma GCC unroll 16
            for (int r = 0; r < rows; ++r) {
                const Vec in(x[r * stride + i]);
                sums.v[r][2 * q] = fused(in, w0, sums.v[r][2 * q]);
                sums.v[r][2 * q + 1] = fused(in, w1, sums.v[r][2 * q + 1]);
            }
        }
}

template <int n>
struct Number {
    static constexpr int value = n;
};

// tile(Number<n>, first row) for all rows: n = tile_rows while they last, then what is left.
template <int n = tile_rows, class Tile>
inline void by_tiles(int rows, const Tile& tile, int row = 0) {
    if constexpr (n > 0) {
        for (; row + n <= rows; row += n) tile(Number<n>{}, row);
        by_tiles<n - 1>(rows, tile, row);
    }
}

}  // namespace
}  // namespace ann::cpu

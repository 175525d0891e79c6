// Stages 3 and 5: y = x @ w + b for a block of rows: the mix and the head.
#pragma once
#include "packed.h"
#include "product.h"

namespace ann::cpu {
namespace {

struct DenseRows {
    const float* x;  // [rows, >= in]
    int x_stride;
    float* y;  // [rows, panels * 2 V]
    int y_stride;
};

template <bool relu, int rows, int panels>
inline void dense_tile(const Dense& d, const DenseRows& s, int row, int panel) {
    const size_t size = static_cast<size_t>(d.in) * 2 * lanes;
    const int column = panel * 2 * lanes;
    Sums<rows, panels> sums;
    start(sums, d.bias.data + column);
    accumulate(sums, s.x + row * s.x_stride, s.x_stride, d.in, d.w.data + panel * size, size);
    float* y = s.y + row * s.y_stride + column;
    for (int r = 0; r < rows; ++r)
        for (int v = 0; v < 2 * panels; ++v)
            store(y + r * s.y_stride + v * lanes,
                  relu ? at_least(sums.v[r][v], Vec(0.f)) : sums.v[r][v]);
}

// A single row: four panels at once, lest each addition wait for the one before.
template <bool relu, int panels = 4>
inline void dense_row(const Dense& d, const DenseRows& s, int panel = 0) {
    if constexpr (panels > 0) {
        for (; panel + panels <= d.panels; panel += panels)
            dense_tile<relu, 1, panels>(d, s, 0, panel);
        dense_row<relu, panels - 1>(d, s, panel);
    }
}

template <bool relu>
inline void dense(const Dense& d, int rows, const DenseRows& s) {
    if (rows == 1) return dense_row<relu>(d, s);
    for (int panel = 0; panel < d.panels; ++panel)
        by_tiles(rows, [&](auto n, int row) {
            dense_tile<relu, decltype(n)::value, 1>(d, s, row, panel);
        });
}

}  // namespace
}  // namespace ann::cpu

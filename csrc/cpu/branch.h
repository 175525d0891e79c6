// Stage 4: traces of the last W bins -> branch units, relu.
#pragma once
#include "packed.h"
#include "simd.h"

namespace ann::cpu {
namespace {

// sum += four inputs of each quad's branch, for `rows` rows.
template <int rows>
inline void four_inputs(Vec (&sum)[rows], const float* a, size_t stride, const int* at,
                        const float* w) {
    Vec x[rows];
    for (int r = 0; r < rows; ++r) x[r] = load_quads(a + r * stride, at);
    const Vec w0 = load(w), w1 = load(w + lanes);
    const Vec w2 = load(w + 2 * lanes), w3 = load(w + 3 * lanes);
    for (int r = 0; r < rows; ++r) sum[r] = fused(spread<0>(x[r]), w0, sum[r]);
    for (int r = 0; r < rows; ++r) sum[r] = fused(spread<1>(x[r]), w1, sum[r]);
    for (int r = 0; r < rows; ++r) sum[r] = fused(spread<2>(x[r]), w2, sum[r]);
    for (int r = 0; r < rows; ++r) sum[r] = fused(spread<3>(x[r]), w3, sum[r]);
}

// history [rows, W, traces], rings whose slot `newest` is this bin's; u [rows, >= vectors * V].
template <int rows>
inline void branch_units(const Packed& p, const float* history, int newest, float* u,
                         int u_stride) {
    const float* w = p.branch_w.data;
    const size_t stride = static_cast<size_t>(p.W) * p.traces;
    for (int vector = 0; vector < p.vectors; ++vector) {
        const int* at = p.quad_at.data + vector * (lanes / 4);
        Vec sum[rows];
        for (int r = 0; r < rows; ++r) sum[r] = load(p.branch_b.data + vector * lanes);
        for (int j = 0; j < p.W; ++j) {
            const int slot = newest >= j ? newest - j : newest - j + p.W;
            const float* a = history + static_cast<size_t>(slot) * p.traces;
            for (int i = 0; i < p.inputs; i += 4, w += 4 * lanes)
                four_inputs<rows>(sum, a + i, stride, at, w);
        }
        for (int r = 0; r < rows; ++r)
            store(u + r * u_stride + vector * lanes, at_least(sum[r], Vec(0.f)));
    }
}

}  // namespace
}  // namespace ann::cpu

// A tile of 16 rows by n tiles of columns in the registers of a warp: on the tensor cores for
// Bf16, on the others for float. host.cpp has the same in one piece.
#pragma once
#include <mma.h>

#include "packed.h"

namespace ann::cuda {

template <class Number, int n>
struct Sums;

// Lane i holds column i % 16 of rows 0 .. 7, or of 8 .. 15 if i > 15.
template <int n>
struct Sums<float, n> {
    static constexpr int elements = 8;
    float sum[n][elements];

    __device__ static int column() { return threadIdx.x % tile; }
    __device__ static int row() { return threadIdx.x % 32 / tile * elements; }

    __device__ float& at(int part, int element) { return sum[part][element]; }
    __device__ void load(int part, const float* from, int stride) {
#pragma unroll
        for (int e = 0; e < elements; ++e) sum[part][e] = from[(row() + e) * stride + column()];
    }
    __device__ void store(int part, float* to, int stride) const {
#pragma unroll
        for (int e = 0; e < elements; ++e) to[(row() + e) * stride + column()] = sum[part][e];
    }
    // One chain of fused multiply-adds over the inputs 0, 1, 2, ... in each output.
    __device__ void multiply(const float* x, int stride, int in, const float* w) {
        x += row() * stride;
        w += column();
        for (int i = 0; i < in; ++i, ++x, w += stride_of(n * tile)) {
            float weight[n];
#pragma unroll
            for (int part = 0; part < n; ++part) weight[part] = w[part * tile];
#pragma unroll
            for (int e = 0; e < elements; ++e) {
                const float a = x[e * stride];
#pragma unroll
                for (int part = 0; part < n; ++part)
                    sum[part][e] = __fmaf_rn(a, weight[part], sum[part][e]);
            }
        }
    }
};

// The layout of a fragment is unspecified, but the same for all of one type: element e of each
// part, and of a cell loaded beside them, is of one row and unit.
template <int n>
struct Sums<Bf16, n> {
    using Fragment = nvcuda::wmma::fragment<nvcuda::wmma::accumulator, tile, tile, tile, float>;
    static constexpr int elements = Fragment::num_elements;
    Fragment sum[n];

    __device__ float& at(int part, int element) { return sum[part].x[element]; }
    __device__ void load(int part, const float* from, int stride) {
        nvcuda::wmma::load_matrix_sync(sum[part], from, stride, nvcuda::wmma::mem_row_major);
    }
    __device__ void store(int part, float* to, int stride) const {
        nvcuda::wmma::store_matrix_sync(to, sum[part], stride, nvcuda::wmma::mem_row_major);
    }
    __device__ void multiply(const Bf16* x, int stride, int in, const Bf16* w) {
        using namespace nvcuda::wmma;
        for (int i = 0; i < in; i += tile) {
            fragment<matrix_a, tile, tile, tile, __nv_bfloat16, row_major> a;
            load_matrix_sync(a, reinterpret_cast<const __nv_bfloat16*>(x + i), stride);
#pragma unroll
            for (int part = 0; part < n; ++part) {
                fragment<matrix_b, tile, tile, tile, __nv_bfloat16, row_major> b;
                const Bf16* from = w + static_cast<size_t>(i) * stride_of(n * tile) + part * tile;
                load_matrix_sync(b, reinterpret_cast<const __nv_bfloat16*>(from),
                                 stride_of(n * tile));
                mma_sync(sum[part], a, b, sum[part]);
            }
        }
    }
};

}  // namespace ann::cuda

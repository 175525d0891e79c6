// The kernel: step.h over a thread block of the device.
#pragma once
#include "fragment.cuh"
#include "step.h"

namespace ann::cuda {

// step.h's Block on the device.
struct Block {
    template <class Number, int n>
    using Sums = cuda::Sums<Number, n>;

    struct Warp {
        int index;
        __device__ void sync() const { __syncwarp(); }
        template <class Body>
        __device__ void each(int n, const Body& body) const {
            for (int i = threadIdx.x % warp_size; i < n; i += warp_size) body(i);
            __syncwarp();
        }
    };

    template <class Body>
    __device__ void each(int n, const Body& body) const {
        for (int i = threadIdx.x; i < n; i += threads) body(i);
        __syncthreads();
    }
    template <class Body>
    __device__ void each_warp(int n, const Body& body) const {
        Warp warp{static_cast<int>(threadIdx.x) / warp_size};
        for (int item = warp.index; item < n; item += warps) body(item, warp);
        __syncthreads();
    }
};

template <class Number>
__global__ void __launch_bounds__(threads, 1)
    step_kernel(const __grid_constant__ View<Number> view, const __grid_constant__ Plan plan,
                const __grid_constant__ Batch batch) {
    extern __shared__ __align__(128) char shared[];
    Block block;
    Tile<Number, Block> work(view, plan, batch, block, shared);
    work.prepare();
    for (int index = blockIdx.x; index < batch.tiles; index += gridDim.x) work.run(index);
}

}  // namespace ann::cuda

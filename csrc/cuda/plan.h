// How a batch is laid over a device: rows of a tile of work, and what lies where in the shared
// memory of a thread block.
#pragma once
#include "packed.h"

namespace ann::cuda {

constexpr int threads = 256, warp_size = 32, warps = threads / warp_size;
constexpr int most_rows = 64;             // of a tile of work; batches are filled up to it
constexpr int scratch_stride = tile + 4;  // floats
constexpr int scratch_size = tile * scratch_stride;  // floats of one warp

struct Machine {
    size_t shared_bytes;  // that a thread block may have
    int multiprocessors;
};

// Byte offsets into shared memory. Numbers: u [rows, D16], f [rows, P16], h [L, 2, rows, H16], all
// in rows of stride_of(columns); floats: hidden [rows, M16 + 1], scratch [warps, scratch_size],
// tree [rows, tree_stride].
struct Plan {
    int rows;         // of a tile of work: a multiple of `tile`
    size_t resident;  // Numbers of the weights that lie in shared memory, at its start
    size_t u, f, h, hidden, scratch, tree, bytes;
};

// Odd: a row of each thread, in a bank of its own.
ANN_BOTH constexpr int tree_stride(int N) {
    return 2 * N + 1;
}

inline int tiles(const Plan& plan, int rows) {
    return (rows + plan.rows - 1) / plan.rows;
}

// Throws InputError if not even the smallest tile fits.
template <class Number>
Plan make_plan(const View<Number>& sizes, const Machine& machine, int rows);

}  // namespace ann::cuda

// What a compiled variant offers: one step of a block of rows. Plain data only: the file that
// implements it is compiled for one instruction set, and nothing of it may run on another machine.
#pragma once
#include <cstddef>

#include "../types.h"
#include "packed.h"

namespace ann::cpu {

// One stretch of consecutive rows; all pointers are to its first row.
struct Block {
    int rows;
    const RowEvent* events;  // of the whole batch
    const size_t* first;     // [rows + 1]
    float* history;          // [rows, W, packed.traces]
    int newest;              // slot of W that receives this bin
    float* state;            // [rows, packed.state]
    float* outputs;          // [rows, O]
    float* scratch;          // [rows, packed.scratch] and packed.spare
};

struct Kernel {
    const char* name;
    int width;  // lanes of a vector
    void (*step)(const Packed&, const Block&);
};

const Kernel& avx2_kernel();
const Kernel& avx512_kernel();
const Kernel& neon_kernel();

}  // namespace ann::cpu

// All rows of an engine on a device, and the bins that a launch computes of them.
#pragma once
#include <limits>

#include "../types.h"

namespace ann::cuda {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

// The batch. Rows are filled up to a multiple of most_rows; events come by row, and are put
// in their order here.
struct Batch {
    int rows, tiles, bins;  // rows: filled up; tiles: those with a row that is used
    int newest;             // slot of the history that receives the first bin
    const int* first;       // [bins, rows + 1]: where a row's events start
    RowEvent* events;       // of all bins
    float* history;         // [rows, W, GK]: traces, a ring over W
    float* state;    // [rows, state]: h, c [L, 2, H16]; of a tree v [N], and how far its gates
                     // [units] have moved since the reset, which is zeros
    float* outputs;  // [bins, rows, O]
    double t0;       // ms, start of the first bin
    float* hazard;   // [rows], the readout's
    double* last;    // [rows] ms
    double* v;       // [bins, rows] mV; none: the outputs were not finite
    double* spike;   // [bins, rows] ms
};

}  // namespace ann::cuda

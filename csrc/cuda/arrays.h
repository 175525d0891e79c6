// What stays on the device between two bins, by name, for __cuda_array_interface__.
#pragma once
#include <string>

#include "../rows.h"
#include "batch.h"
#include "packed.h"

namespace ann::cuda {

// Of the last bin: "v" f64 [B] mV, "spike" f64 [B] ms (NaN: none), "outputs" f32 [B, O]; "traces"
// f32 [B, G*K] at its end, in another place each bin if W > 1. Before the first, "v" and "spike"
// are NaN. What rows remember: "lstm" f32 [B, L, 2, H] (h, c), "branch_v" f32 [B, N] of a tree,
// "hazard" f32 [B], "last_spike" f64 [B] ms. Throws InputError.
template <class Number>
DeviceArray find_array(const View<Number>& view, const Batch& batch, int rows,
                       const std::string& name);

}  // namespace ann::cuda

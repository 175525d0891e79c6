// Rows on a CUDA device.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "../rows.h"

namespace ann::cuda {

// "bf16": products on tensor cores, sums and the cell's state in float32; "float32": everything.
std::vector<std::string> variants();

// variant: one of the above, or empty for the first. The device is chosen here. Throws InputError,
// DeviceError.
std::unique_ptr<ann::Rows> make_rows(const std::string& variant, const Spec& spec);

}  // namespace ann::cuda

// The CUDA engine's step executed on the CPU, so that every formula, index and layout of it is
// tested where there is no GPU. Not a fast CPU engine: that is cpu/.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "../rows.h"

namespace ann::cuda {

// "float32-host"; "float32-host-reversed", which takes all independent items in reverse, so that a
// dependence between them shows; "bf16-host", the numbers of the tensor cores.
std::vector<std::string> host_variants();

// None of the above: null.
std::unique_ptr<ann::Rows> make_host_rows(const std::string& variant, const Spec& spec);

}  // namespace ann::cuda

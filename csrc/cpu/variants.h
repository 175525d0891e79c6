// The CPU's variants: one kernel source compiled for several instruction sets, and the reference.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "../network.h"

namespace ann::cpu {

// Variants that this build has and this machine can run, fastest first; "scalar", the reference,
// is always the last.
std::vector<std::string> variants();

// variant: one of the above, or empty for the first. Throws InputError.
std::unique_ptr<ann::Network> make_network(const std::string& variant, int threads,
                                           const Spec& spec);

}  // namespace ann::cpu

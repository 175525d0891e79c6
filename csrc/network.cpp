#include "network.h"

#include "cpu/network.h"
#include "errors.h"

namespace ann {

std::unique_ptr<Network> make_network(const std::string& backend, const Spec& spec) {
    if (backend == "cpu") return std::make_unique<cpu::Network>(spec);
    if (backend == "cuda")
        throw InputError("backend 'cuda' has no kernels in this version; use backend='cpu'");
    throw InputError("expected backend 'cpu' or 'cuda', got '" + backend + "'");
}

}  // namespace ann

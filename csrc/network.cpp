#include "network.h"

#include "cpu/variants.h"
#include "errors.h"

namespace ann {

std::unique_ptr<Network> make_network(const Backend& backend, const Spec& spec) {
    if (backend.threads < 1)
        throw InputError("expected threads >= 1, got " + std::to_string(backend.threads));
    if (backend.name == "cpu") return cpu::make_network(backend.variant, backend.threads, spec);
    if (backend.name == "cuda")
        throw InputError("backend 'cuda' has no kernels in this version; use backend='cpu'");
    throw InputError("expected backend 'cpu' or 'cuda', got '" + backend.name + "'");
}

}  // namespace ann

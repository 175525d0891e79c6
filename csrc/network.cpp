#include "network.h"

#include "cpu/variants.h"
#include "cuda/host.h"
#ifdef ANN_WITH_CUDA
#include "cuda/network.h"
#endif
#include "errors.h"

namespace ann {
namespace {

std::unique_ptr<Network> make_cuda_network(const std::string& variant, const Spec& spec) {
    if (auto on_host = cuda::make_host_network(variant, spec)) return on_host;
#ifdef ANN_WITH_CUDA
    return cuda::make_network(variant, spec);
#else
    throw DeviceError(
        "backend 'cuda': ann_backend was built without CUDA: build it with nvcc on PATH and "
        "ANN_CUDA=ON; backend 'cpu' works without a GPU");
#endif
}

}  // namespace

std::unique_ptr<Network> make_network(const Backend& backend, const Spec& spec) {
    if (backend.threads < 1)
        throw InputError("expected threads >= 1, got " + std::to_string(backend.threads));
    if (backend.name == "cpu") return cpu::make_network(backend.variant, backend.threads, spec);
    if (backend.name == "cuda") return make_cuda_network(backend.variant, spec);
    throw InputError("expected backend 'cpu' or 'cuda', got '" + backend.name + "'");
}

}  // namespace ann

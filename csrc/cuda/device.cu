// What this machine offers a CUDA backend.
#include "cuda/device.h"

#include <cuda_runtime.h>

#include <stdexcept>

namespace ann::cuda {
namespace {

void check(cudaError_t status, const char* call) {
    if (status != cudaSuccess)
        throw std::runtime_error(std::string(call) + ": " + cudaGetErrorString(status));
}

}  // namespace

std::vector<Device> devices() {
    int n = 0;
    cudaError_t status = cudaGetDeviceCount(&n);
    if (status == cudaErrorNoDevice || status == cudaErrorInsufficientDriver) return {};
    check(status, "cudaGetDeviceCount");
    std::vector<Device> found;
    for (int i = 0; i < n; ++i) {
        cudaDeviceProp p;
        check(cudaGetDeviceProperties(&p, i), "cudaGetDeviceProperties");
        found.push_back({p.name, p.major, p.minor, p.totalGlobalMem});
    }
    return found;
}

}  // namespace ann::cuda

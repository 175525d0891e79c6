// What this machine offers a CUDA backend, and what goes wrong with it.
#include <cuda_runtime.h>
#include <unistd.h>

#include <atomic>

#include "cuda/device.h"
#include "cuda/local_rank.h"
#include "errors.h"

namespace ann::cuda {
namespace {

constexpr int oldest = 8;  // compute capability: bf16 on tensor cores

DeviceError refused(const std::string& why) {
    return DeviceError("backend 'cuda': " + why + "; backend 'cpu' works without a GPU");
}

std::atomic<int> process{0};  // that uses CUDA; 0: none yet

bool forked() {
    return process != 0 && process != getpid();
}

// The driver is asked here only: a process that asked has a CUDA of its own.
cudaError_t count(int& n) {
    const cudaError_t status = cudaGetDeviceCount(&n);
    if (status != cudaSuccess) {
        n = 0;
        cudaGetLastError();  // or the next call returns it again
    } else if (n > 0) {
        process = getpid();
    }
    return status;
}

std::string after_a_fork() {
    return "CUDA was in use before this process was forked, and does not survive a fork: start "
           "processes with 'spawn', or fork before the first use";
}

}  // namespace

std::vector<Device> devices() {
    int n = 0;
    if (forked() || count(n) != cudaSuccess) return {};
    std::vector<Device> found;
    for (int i = 0; i < n; ++i) {
        cudaDeviceProp p;
        check(cudaGetDeviceProperties(&p, i), "to read a device's properties");
        found.push_back({p.name, p.major, p.minor, p.totalGlobalMem});
    }
    return found;
}

std::string refusal() {
    if (forked()) return after_a_fork();
    int n = 0;
    const cudaError_t status = count(n);
    if (status == cudaErrorInsufficientDriver)
        return std::string("no NVIDIA driver, or one too old for CUDA ") +
               std::to_string(CUDART_VERSION / 1000) + ": install or update the driver";
    if (status == cudaErrorNoDevice || (status == cudaSuccess && n == 0))
        return "the NVIDIA driver sees no GPU: is CUDA_VISIBLE_DEVICES empty?";
    if (status != cudaSuccess)
        return std::string("CUDA does not start (") + cudaGetErrorString(status) +
               "): see nvidia-smi";
    for (const Device& d : devices())
        if (d.major >= oldest) return "";
    return "the GPU (" + devices().front().name +
           ") is older than compute capability 8.0 (A100, RTX 30)";
}

int choose() {
    const std::string why = refusal();
    if (!why.empty()) throw refused(why);
    const std::vector<Device> found = devices();
    std::vector<int> usable;
    for (size_t i = 0; i < found.size(); ++i)
        if (found[i].major >= oldest) usable.push_back(int(i));
    return usable[size_t(local_rank()) % usable.size()];
}

bool owned() {
    return process == getpid();
}

void refuse_fork() {
    if (forked()) throw refused(after_a_fork());
}

void copy_to_host(void* to, size_t from, size_t bytes, size_t stream) {
    refuse_fork();
    const void* data = reinterpret_cast<const void*>(from);
    int ours = 0;
    cudaPointerAttributes about{};
    check(cudaGetDevice(&ours), "to start");
    check(cudaPointerGetAttributes(&about, data), "to find an array");
    check(cudaSetDevice(about.device), "to start");  // a default stream is that of the device
    if (stream)
        check(cudaStreamSynchronize(reinterpret_cast<cudaStream_t>(stream)), "to wait for it");
    check(cudaMemcpy(to, data, bytes, cudaMemcpyDeviceToHost), "to copy from it");
    check(cudaSetDevice(ours), "to start");
}

void check(int status, const char* doing) {
    const auto error = static_cast<cudaError_t>(status);
    if (error == cudaSuccess) return;
    cudaGetLastError();
    const std::string said = std::string(doing) + " (" + cudaGetErrorString(error) + "): ";
    if (error == cudaErrorMemoryAllocation)
        throw DeviceError("the GPU's memory did not suffice " + said +
                          "replace fewer cells, end other programs on it, or use backend 'cpu'");
    throw DeviceError("the GPU failed " + said +
                      "it may be lost to this process; start Python again (nvidia-smi shows the "
                      "GPU's state), or use backend 'cpu'");
}

}  // namespace ann::cuda

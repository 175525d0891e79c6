// What this machine offers a CUDA backend, and what goes wrong with it. Touches the driver only
// when called, never at import.
#pragma once
#include <string>
#include <vector>

namespace ann::cuda {

struct Device {
    std::string name;
    int major, minor;  // compute capability
    size_t memory_bytes;
};

std::vector<Device> devices();  // empty where there is no driver, no device, or after a fork

std::string refusal();  // why no device can be used, and what to do; empty if one can

// The index of a device that can be used, another for each of a host's MPI ranks while there are
// enough; this process is bound to it from now on. Throws DeviceError.
int choose();

// Throws DeviceError in a child that was forked after `choose`: CUDA does not survive a fork.
void refuse_fork();

// Whether CUDA's objects are this process's, to free them.
bool owned();

// From the device, when what is under way in `stream` (a cudaStream_t; 0: nothing is) has ended.
// Throws DeviceError.
void copy_to_host(void* to, size_t from, size_t bytes, size_t stream);

// Throws DeviceError unless `status` (a cudaError_t) is cudaSuccess. `doing`: "to allocate", say.
void check(int status, const char* doing);

}  // namespace ann::cuda

// What this machine offers a CUDA backend. Touches the driver only when called, never at import.
#pragma once
#include <string>
#include <vector>

namespace ann::cuda {

struct Device {
    std::string name;
    int major, minor;  // compute capability
    size_t memory_bytes;
};

std::vector<Device> devices();  // empty where there is no driver or no device

}  // namespace ann::cuda

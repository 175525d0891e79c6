// An array where it lies, as the capsule of DLPack: for cupy, torch and, of the host, NumPy.
#pragma once
#include <pybind11/pybind11.h>

#include "../rows.h"

namespace ann::cuda {

// (type, id): (1, 0) the host, (2, n) a CUDA device.
pybind11::tuple dlpack_device(const DeviceArray& array);

// The owner lives as long as whoever takes the capsule.
pybind11::capsule dlpack(const DeviceArray& array, const pybind11::object& owner);

}  // namespace ann::cuda

// What `_engine` says of CUDA: what this build has, which devices it sees, arrays that lie there.
#pragma once
#include <pybind11/pybind11.h>

#include "../rows.h"

namespace ann::cuda {

void bind(pybind11::module_& m);

// What was given, or, of an array on a GPU, a NumPy copy. Throws InputError, DeviceError.
pybind11::object on_host(const pybind11::object& given);

// What __cuda_array_interface__ says of an array.
pybind11::dict described(const DeviceArray& array);

}  // namespace ann::cuda

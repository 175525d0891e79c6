// What `_engine` says of CUDA: what this build has, and which devices it sees.
#pragma once
#include <pybind11/pybind11.h>

namespace ann::cuda {

void bind(pybind11::module_& m);

}  // namespace ann::cuda

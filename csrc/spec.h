// A bundle's tensors and readout as Python has them -> Spec.
#pragma once
#include <pybind11/pybind11.h>

#include <vector>

#include "types.h"

namespace ann {

// Throws InputError.
Spec make_spec(const pybind11::dict& tensors, const pybind11::dict& readout,
               const std::vector<int>& parents, bool feedback);

}  // namespace ann

#include "cuda/bindings.h"

#include <pybind11/stl.h>

#include "cuda/host.h"
#ifdef ANN_WITH_CUDA
#include "cuda/device.h"
#include "cuda/network.h"
#endif

namespace py = pybind11;

namespace ann::cuda {
namespace {

py::list listed_devices() {
    py::list found;
#ifdef ANN_WITH_CUDA
    for (const Device& d : devices())
        found.append(py::dict(py::arg("name") = d.name,
                              py::arg("compute_capability") = py::make_tuple(d.major, d.minor),
                              py::arg("memory_bytes") = d.memory_bytes));
#endif
    return found;
}

std::string why_not() {
#ifdef ANN_WITH_CUDA
    return refusal();
#else
    return "ann_backend was built without CUDA: build it with nvcc on PATH and ANN_CUDA=ON";
#endif
}

}  // namespace

void bind(py::module_& m) {
#ifdef ANN_WITH_CUDA
    m.attr("cuda_built") = true;
    m.attr("cuda_variants") = variants();
#else
    m.attr("cuda_built") = false;
    m.attr("cuda_variants") = std::vector<std::string>();
#endif
    m.attr("cuda_host_variants") = host_variants();
    m.def("cuda_devices", &listed_devices, "CUDA devices that this build can see; may be empty.");
    m.def("cuda_refusal", &why_not,
          "Why backend 'cuda' cannot be used here, and what to do; empty if it can.");
    m.def(
        "cuda_available", [] { return why_not().empty(); },
        "Whether this build has the CUDA part and sees a device that it can use.");
}

}  // namespace ann::cuda

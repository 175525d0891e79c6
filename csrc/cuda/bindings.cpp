#include "cuda/bindings.h"

#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include "cuda/host.h"
#include "cuda/local_rank.h"
#include "errors.h"
#ifdef ANN_WITH_CUDA
#include "cuda/device.h"
#include "cuda/rows.h"
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

constexpr const char* protocol = "__cuda_array_interface__";

#ifdef ANN_WITH_CUDA
using Sizes = std::vector<py::ssize_t>;

py::object copied(const py::object& given) {
    const py::dict about = given.attr(protocol);
    py::array copy(py::dtype(about["typestr"].cast<std::string>()), about["shape"].cast<Sizes>());
    const auto given_or_none = [&](const char* name) {
        return about.contains(name) ? py::object(about[name]) : py::none();
    };
    const py::object strides = given_or_none("strides"), stream = given_or_none("stream");
    if (!strides.is_none() &&
        strides.cast<Sizes>() != Sizes(copy.strides(), copy.strides() + copy.ndim()))
        throw InputError(
            "expected a C-ordered array on the GPU, got one with gaps: give it as "
            "cupy.ascontiguousarray(x)");
    copy_to_host(copy.mutable_data(), about["data"].cast<py::tuple>()[0].cast<size_t>(),
                 static_cast<size_t>(copy.nbytes()), stream.is_none() ? 0 : stream.cast<size_t>());
    return std::move(copy);
}
#else
py::object copied(const py::object& given) {
    throw InputError("expected an array on the host, got one on a GPU (" +
                     std::string(py::str(py::type::of(given))) +
                     "), and this ann_backend was built without CUDA: give it as "
                     "cupy.asnumpy(x), or build with ANN_CUDA=ON");
}
#endif

}  // namespace

py::object on_host(const py::object& given) {
    return py::hasattr(given, protocol) ? copied(given) : given;
}

py::dict described(const DeviceArray& array) {
    const auto tuple = [](const std::vector<size_t>& values) {
        return py::tuple(py::cast(values));
    };
    py::dict about;
    about["version"] = 3;
    about["typestr"] = array.type;
    about["shape"] = tuple(array.shape);
    about["strides"] = tuple(array.strides);
    about["data"] = py::make_tuple(reinterpret_cast<size_t>(array.data), false);
    about["stream"] = py::none();  // nothing is under way in ours
    return about;
}

void bind(py::module_& m) {
#ifdef ANN_WITH_CUDA
    m.attr("cuda_built") = true;
    m.attr("cuda_variants") = variants();
#else
    m.attr("cuda_built") = false;
    m.attr("cuda_variants") = std::vector<std::string>();
#endif
    m.attr("cuda_host_variants") = host_variants();
    m.def("on_host", &on_host, py::arg("array"),
          "The same, or a NumPy copy of an array on a GPU (__cuda_array_interface__).");
    m.def("local_rank", &local_rank, "This process among those of its host, under MPI: its GPU.");
    m.def("cuda_devices", &listed_devices, "CUDA devices that this build can see; may be empty.");
    m.def("cuda_refusal", &why_not,
          "Why backend 'cuda' cannot be used here, and what to do; empty if it can.");
    m.def(
        "cuda_available", [] { return why_not().empty(); },
        "Whether this build has the CUDA part and sees a device that it can use.");
}

}  // namespace ann::cuda

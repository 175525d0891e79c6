// What the bindings share: NumPy arrays in and out, checked.
#pragma once
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>
#include <vector>

#include "errors.h"

namespace ann {

inline std::string listed(const std::vector<pybind11::ssize_t>& shape) {
    std::string text = "[";
    for (pybind11::ssize_t n : shape) text += (text.size() > 1 ? ", " : "") + std::to_string(n);
    return text + "]";
}

inline std::vector<pybind11::ssize_t> shape_of(const pybind11::array& array) {
    return {array.shape(), array.shape() + array.ndim()};
}

// A C-ordered array of T, no conversion: a wrong type is the caller's mistake.
template <class T>
pybind11::array_t<T, pybind11::array::c_style> typed(const std::string& name,
                                                     const pybind11::handle& value) {
    namespace py = pybind11;
    using Array = py::array_t<T, py::array::c_style>;
    if (!py::isinstance<Array>(value)) {
        std::string got = py::str(py::type::of(value));
        if (py::isinstance<py::array>(value)) {
            const auto array = py::reinterpret_borrow<py::array>(value);
            got = std::string(py::str(array.dtype())) + " " + listed(shape_of(array));
        }
        throw InputError("expected '" + name + "' to be a C-ordered array of " +
                         std::string(py::str(py::dtype::of<T>())) + ", got " + got);
    }
    return py::reinterpret_borrow<Array>(value);
}

template <class T>
pybind11::array_t<T> array_of(const std::vector<T>& values) {
    return pybind11::array_t<T>(static_cast<pybind11::ssize_t>(values.size()), values.data());
}

// A state's arrays, by name, for each_array().
inline auto into(const pybind11::dict& arrays) {
    return [&arrays](const char* name, const auto& values) { arrays[name] = array_of(values); };
}

inline auto out_of(const pybind11::dict& arrays) {
    return [&arrays](const char* name, auto& values) {
        using T = typename std::decay_t<decltype(values)>::value_type;
        if (!arrays.contains(name))
            throw InputError(std::string("expected an array '") + name + "', got none");
        const auto array = typed<T>(name, arrays[name]);
        values.assign(array.data(), array.data() + array.size());
    };
}

}  // namespace ann

// ann_backend._train: argument checks and the GIL, no arithmetic.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <stdexcept>
#include <string>

#include "leak.h"
#include "window.h"

namespace py = pybind11;

namespace ann::train {
namespace {

using Index = ptrdiff_t;
using Floats = py::array_t<float, py::array::c_style>;
using Ints = py::array_t<int, py::array::c_style>;

const float* data(const char* name, const Floats& array, std::initializer_list<Index> shape) {
    if (array.ndim() != static_cast<Index>(shape.size()) ||
        !std::equal(shape.begin(), shape.end(), array.shape()))
        throw std::invalid_argument(std::string("'") + name + "' does not fit the others");
    return array.data();
}

Tree tree(const Ints& parents, const Floats& gate, const Floats& reversal, const Floats& cable,
          const Floats& u, const Floats& v0, const Floats& q0) {
    if (parents.ndim() != 1 || u.ndim() != 4 || u.shape(0) != parents.shape(0))
        throw std::invalid_argument("expected parents [N] and u [N, U, T, B]");
    const Index N = u.shape(0), U = u.shape(1), T = u.shape(2), B = u.shape(3);
    for (Index n = 0; n < N; ++n)
        if (parents.data()[n] >= n || (n > 0 && parents.data()[n] < 0))
            throw std::invalid_argument("expected -1, then parents in front of their children");
    return {N,
            U,
            T,
            B,
            parents.data(),
            data("gate", gate, {5, N, U}),
            data("reversal", reversal, {N, U}),
            data("cable", cable, {4, N}),
            u.data(),
            data("v0", v0, {N, B}),
            data("q0", q0, {N, U, B})};
}

py::tuple run(const Ints& parents, const Floats& gate, const Floats& reversal, const Floats& cable,
              const Floats& u, const Floats& v0, const Floats& q0) {
    const Tree x = tree(parents, gate, reversal, cable, u, v0, q0);
    Floats v({x.N, x.T, x.B}), d({x.T, x.N, x.B}), q({x.T, x.N, x.U, x.B}), s({x.T, x.N, x.U, x.B});
    const Course y{v.mutable_data(), q.mutable_data(), s.mutable_data(), d.mutable_data()};
    {
        py::gil_scoped_release nogil;
        forward(x, y);
    }
    return py::make_tuple(v, q, s, d);
}

py::tuple gradients(const Ints& parents, const Floats& gate, const Floats& reversal,
                    const Floats& cable, const Floats& u, const Floats& v0, const Floats& q0,
                    const py::tuple& course, const Floats& of_v) {
    const Tree x = tree(parents, gate, reversal, cable, u, v0, q0);
    auto v = course[0].cast<Floats>(), q = course[1].cast<Floats>(), s = course[2].cast<Floats>(),
         d = course[3].cast<Floats>();
    Floats of_gate({Index(5), x.N, x.U}), of_reversal({x.N, x.U}), of_cable({Index(4), x.N}),
        of_u({x.N, x.U, x.T, x.B});
    for (Floats* array : {&of_gate, &of_reversal, &of_cable})
        std::fill_n(array->mutable_data(), array->size(), 0.f);
    const Course y{v.mutable_data(), q.mutable_data(), s.mutable_data(), d.mutable_data()};
    const Gradients g{data("of_v", of_v, {x.N, x.T, x.B}), of_gate.mutable_data(),
                      of_reversal.mutable_data(), of_cable.mutable_data(), of_u.mutable_data()};
    {
        py::gil_scoped_release nogil;
        backward(x, y, g);
    }
    return py::make_tuple(of_gate, of_reversal, of_cable, of_u);
}

void run_leak(const Floats& x, const Floats& before, const Floats& decay, Floats y,
              bool backwards) {
    if (x.ndim() != 3) throw std::invalid_argument("expected x [F, T, B]");
    const Index F = x.shape(0), T = x.shape(1), B = x.shape(2);
    data("y", y, {F, T, B});
    const Leak given{F,
                     T,
                     B,
                     x.data(),
                     data("before", before, {F, B}),
                     data("decay", decay, {F}),
                     y.mutable_data()};
    py::gil_scoped_release nogil;
    leak(given, backwards);
}

}  // namespace
}  // namespace ann::train

PYBIND11_MODULE(_train, m) {
    using namespace ann::train;
    m.doc() =
        "Traces and the tree of conductances over a window. See train/leak.py, train/tree.py.";
    m.def("forward", &run, py::arg("parents"), py::arg("gate"), py::arg("reversal"),
          py::arg("cable"), py::arg("u"), py::arg("v0"), py::arg("q0"),
          "-> its course (v, q, s, d), see csrc/train/window.h.");
    m.def("backward", &gradients, py::arg("parents"), py::arg("gate"), py::arg("reversal"),
          py::arg("cable"), py::arg("u"), py::arg("v0"), py::arg("q0"), py::arg("course"),
          py::arg("of_v"), "-> gradients of gate, reversal, cable and u.");
    m.def("leak", &run_leak, py::arg("x"), py::arg("before"), py::arg("decay"),
          py::arg("y").noconvert(), py::arg("backwards"), "Writes y, see csrc/train/leak.h.");
}

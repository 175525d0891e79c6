// A bundle's tensors and readout as Python has them -> Spec, or what is wrong with them.
#include "spec.h"

#include "errors.h"
#include "python.h"

namespace py = pybind11;

namespace ann {
namespace {

py::array_t<float, py::array::c_style> tensor(const py::dict& tensors, const std::string& name) {
    if (!tensors.contains(name)) throw InputError("expected a tensor '" + name + "', got none");
    return typed<float>(name, tensors[name.c_str()]);
}

std::vector<float> weights(const py::dict& tensors, const std::string& name,
                           const std::vector<py::ssize_t>& shape) {
    const auto array = tensor(tensors, name);
    if (shape_of(array) != shape)
        throw InputError("expected tensor '" + name + "' of shape " + listed(shape) + ", got " +
                         listed(shape_of(array)));
    return {array.data(), array.data() + array.size()};
}

int dimension(const py::dict& tensors, const std::string& name, int axis, int ndim) {
    const auto array = tensor(tensors, name);
    if (array.ndim() != ndim || array.shape(axis) < 1)
        throw InputError("expected tensor '" + name + "' with " + std::to_string(ndim) +
                         " axes, none empty, got " + listed(shape_of(array)));
    return static_cast<int>(array.shape(axis));
}

double number(const py::dict& readout, const char* name) {
    if (!readout.contains(name))
        throw InputError(std::string("expected a number '") + name + "' in readout, got none");
    return readout[name].cast<double>();
}

// The tensor's parts along its first axis.
std::vector<std::vector<float>> planes(const py::dict& tensors, const std::string& name,
                                       const std::vector<py::ssize_t>& shape) {
    const std::vector<float> all = weights(tensors, name, shape);
    std::vector<std::vector<float>> found;
    const py::ssize_t size = static_cast<py::ssize_t>(all.size()) / shape[0];
    for (auto plane = all.begin(); plane != all.end(); plane += size)
        found.emplace_back(plane, plane + size);
    return found;
}

Tree make_tree(const py::dict& tensors, const std::vector<int>& parents, int N, int U) {
    if (parents.empty()) {
        for (const char* name : {"gate", "reversal", "cable"})
            if (tensors.contains(name))
                throw InputError(std::string("expected parents beside tensor '") + name +
                                 "', got none");
        return {};
    }
    const auto gate = planes(tensors, "gate", {5, N, U}), cable = planes(tensors, "cable", {4, N});
    Tree tree{parents,
              gate[0],
              gate[1],
              gate[2],
              gate[3],
              gate[4],
              weights(tensors, "reversal", {N, U}),
              cable[0],
              cable[1],
              cable[2],
              cable[3]};
    check(tree, N);
    return tree;
}

}  // namespace

Spec make_spec(const py::dict& tensors, const py::dict& readout, const std::vector<int>& parents,
               bool feedback) {
    Spec s{};
    s.feedback = feedback;
    s.C = dimension(tensors, "embedding", 0, 2);
    s.G = dimension(tensors, "tau", 0, 2);
    s.K = dimension(tensors, "tau", 1, 2);
    s.W = dimension(tensors, "branch_w", 0, 4);
    s.N = dimension(tensors, "branch_w", 1, 4);
    s.U = dimension(tensors, "branch_w", 3, 4);
    if (s.G % s.N)
        throw InputError(
            "expected groups (axis 0 of 'tau') in branches (axis 1 of 'branch_w') of "
            "one size, got " +
            std::to_string(s.G) + " groups in " + std::to_string(s.N) + " branches");
    s.R = s.G / s.N;
    s.P = tensors.contains("mix_w") ? dimension(tensors, "mix_w", 1, 2) : 0;
    s.D = parents.empty() ? s.N * s.U : s.N;
    s.F = s.P ? s.P : s.D;
    s.H = dimension(tensors, "lstm0_wh", 0, 2);
    s.M = dimension(tensors, "head_w1", 1, 2);
    s.embedding = weights(tensors, "embedding", {s.C, s.G});
    s.tau = weights(tensors, "tau", {s.G, s.K});
    for (float tau : s.tau)
        if (!(tau > 0)) throw InputError("expected tau > 0 ms, got " + written(tau));
    s.branch_w = weights(tensors, "branch_w", {s.W, s.N, s.R * s.K, s.U});
    s.branch_b = weights(tensors, "branch_b", {s.N, s.U});
    s.tree = make_tree(tensors, parents, s.N, s.U);
    if (s.P) {
        s.mix_w = weights(tensors, "mix_w", {s.D, s.P});
        s.mix_b = weights(tensors, "mix_b", {s.P});
    }
    for (int in = s.F; tensors.contains("lstm" + std::to_string(s.L) + "_wh"); in = s.H, ++s.L) {
        const std::string layer = "lstm" + std::to_string(s.L);
        s.lstm.push_back({weights(tensors, layer + "_wx", {in, 4 * s.H}),
                          weights(tensors, layer + "_wh", {s.H, 4 * s.H}),
                          weights(tensors, layer + "_bias", {4 * s.H})});
    }
    s.head_w1 = weights(tensors, "head_w1", {s.H, s.M});
    s.head_b1 = weights(tensors, "head_b1", {s.M});
    s.head_w2 = weights(tensors, "head_w2", {s.M, O});
    s.head_b2 = weights(tensors, "head_b2", {O});
    s.threshold_mV = number(readout, "threshold_mV");
    s.hazard_threshold = number(readout, "hazard_threshold");
    s.memory_ms = number(readout, "memory_ms");
    if (!(s.memory_ms > 0)) throw InputError("expected memory_ms > 0, got " + written(s.memory_ms));
    s.refractory_ms = number(readout, "refractory_ms");
    s.clip_mV = number(readout, "clip_mV");
    s.v_offset_mV = number(readout, "v_offset_mV");
    s.v_scale_mV = number(readout, "v_scale_mV");
    const auto ap = tensor(tensors, "ap");
    s.ap = {number(readout, "ap_start_ms"),
            number(readout, "ap_dt_ms"),
            s.clip_mV,
            {ap.data(), ap.data() + ap.size()}};
    if (!(s.ap.dt > 0)) throw InputError("expected ap_dt_ms > 0, got " + written(s.ap.dt));
    return s;
}

}  // namespace ann

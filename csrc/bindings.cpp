// ann_backend._engine: argument checks and the GIL, no arithmetic.
#include <pybind11/stl.h>

#include <mutex>

#include "cpu/variants.h"
#include "cuda/host.h"
#include "engine.h"
#include "errors.h"
#include "python.h"
#ifdef ANN_WITH_CUDA
#include "cuda/device.h"
#include "cuda/network.h"
#endif

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

// What Python holds. The lock keeps two Python threads from stepping one engine at once.
class PyEngine {
  public:
    PyEngine(const py::dict& tensors, const py::dict& readout, const std::string& backend, int rows,
             int threads, const std::string& variant, const std::vector<int>& parents,
             bool feedback)
        : engine_(make_spec(tensors, readout, parents, feedback), {backend, variant, threads},
                  rows) {}

    py::tuple step(double t0, const py::object& row, const py::object& channel,
                   const py::object& weight, const py::object& t);

    void connect(const py::object& source, PyEngine& target, const py::object& row,
                 const py::object& channel, const py::object& weight, const py::object& delay,
                 double U, double tau_rec, double tau_fac);

    void play(const py::object& row, const py::object& channel, const py::object& weight,
              const py::object& t);

    py::array_t<float> outputs() {
        std::lock_guard<std::mutex> lock(mutex_);
        return py::array_t<float>({engine_.rows(), O}, engine_.outputs().data());
    }
    void resize(int rows) {
        std::lock_guard<std::mutex> lock(mutex_);
        engine_.resize(rows);
    }
    void reset() {
        std::lock_guard<std::mutex> lock(mutex_);
        engine_.reset();
    }
    py::dict save() {
        std::lock_guard<std::mutex> lock(mutex_);
        py::dict arrays;
        const EngineState state = engine_.save();
        each_array(state, into(arrays));
        return arrays;
    }
    void load(const py::dict& arrays) {
        std::lock_guard<std::mutex> lock(mutex_);
        EngineState state = engine_.save();
        each_array(state, out_of(arrays));
        engine_.load(state);
    }
    int rows() const { return engine_.rows(); }
    int channels() const { return engine_.channels(); }
    size_t connections() const { return engine_.connections(); }
    py::capsule population() {
        return py::capsule(static_cast<Population*>(&engine_), population_capsule);
    }

  private:
    Engine engine_;
    std::mutex mutex_;
};

std::vector<Event> events_of(const py::object& row, const py::object& channel,
                             const py::object& weight, const py::object& t) {
    const auto rows = typed<int32_t>("row", row), channels = typed<int32_t>("channel", channel);
    const auto weights = typed<double>("weight", weight), times = typed<double>("t", t);
    for (const py::array& array :
         {py::array(rows), py::array(channels), py::array(weights), py::array(times)})
        if (array.ndim() != 1 || array.size() != rows.size())
            throw InputError("expected row, channel, weight and t of one shape [N], got " +
                             listed(shape_of(array)) + " beside " + listed(shape_of(rows)));
    std::vector<Event> events(static_cast<size_t>(rows.size()));
    for (py::ssize_t i = 0; i < rows.size(); ++i)
        events[size_t(i)] = {times.data()[i], weights.data()[i], rows.data()[i],
                             channels.data()[i]};
    return events;
}

py::tuple PyEngine::step(double t0, const py::object& row, const py::object& channel,
                         const py::object& weight, const py::object& t) {
    const std::vector<Event> events = events_of(row, channel, weight, t);
    std::vector<Spike> spikes;
    std::vector<double> v_end;
    {
        py::gil_scoped_release nogil;
        std::lock_guard<std::mutex> lock(mutex_);
        v_end.resize(engine_.rows());
        engine_.step(t0, events.data(), events.size(), v_end.data(), spikes);
    }
    py::array_t<int32_t> spike_row(static_cast<py::ssize_t>(spikes.size()));
    py::array_t<double> spike_t(static_cast<py::ssize_t>(spikes.size()));
    for (size_t i = 0; i < spikes.size(); ++i) {
        spike_row.mutable_data()[i] = spikes[i].row;
        spike_t.mutable_data()[i] = spikes[i].t;
    }
    return py::make_tuple(py::array_t<double>(static_cast<py::ssize_t>(v_end.size()), v_end.data()),
                          spike_row, spike_t);
}

void PyEngine::connect(const py::object& source, PyEngine& target, const py::object& row,
                       const py::object& channel, const py::object& weight, const py::object& delay,
                       double U, double tau_rec, double tau_fac) {
    const auto sources = typed<int32_t>("source", source), rows = typed<int32_t>("row", row),
               channels = typed<int32_t>("channel", channel);
    const auto weights = typed<float>("weight", weight), delays = typed<float>("delay", delay);
    const py::ssize_t n = sources.size();
    for (const py::array& array : {py::array(sources), py::array(rows), py::array(channels),
                                   py::array(weights), py::array(delays)})
        if (array.ndim() != 1 || array.size() != n)
            throw InputError(
                "expected source, row, channel, weight and delay of one shape [N], "
                "got " +
                listed(shape_of(array)) + " beside " + listed(shape_of(sources)));
    std::vector<Wire> wires(static_cast<size_t>(n));
    for (py::ssize_t i = 0; i < n; ++i)
        wires[i] = {rows.data()[i], channels.data()[i], weights.data()[i], delays.data()[i]};
    py::gil_scoped_release nogil;
    std::unique_lock<std::mutex> mine(mutex_, std::defer_lock);
    std::unique_lock<std::mutex> theirs(target.mutex_, std::defer_lock);
    if (this == &target)
        mine.lock();
    else
        std::lock(mine, theirs);
    engine_.connect(sources.data(), target.engine_, wires, {U, tau_rec, tau_fac});
}

void PyEngine::play(const py::object& row, const py::object& channel, const py::object& weight,
                    const py::object& t) {
    const std::vector<Event> events = events_of(row, channel, weight, t);
    py::gil_scoped_release nogil;
    std::lock_guard<std::mutex> lock(mutex_);
    engine_.play(events);
}

py::list cuda_devices() {
    py::list found;
#ifdef ANN_WITH_CUDA
    for (const cuda::Device& d : cuda::devices())
        found.append(py::dict(py::arg("name") = d.name,
                              py::arg("compute_capability") = py::make_tuple(d.major, d.minor),
                              py::arg("memory_bytes") = d.memory_bytes));
#endif
    return found;
}

std::string cuda_refusal() {
#ifdef ANN_WITH_CUDA
    return cuda::refusal();
#else
    return "ann_backend was built without CUDA: build it with nvcc on PATH and ANN_CUDA=ON";
#endif
}

}  // namespace
}  // namespace ann

PYBIND11_MODULE(_engine, m) {
    using namespace ann;
    m.doc() = "The engine that steps all cells of a bundle. Knows no NEURON.";
    py::register_exception<InputError>(m, "InputError", PyExc_ValueError);
    py::register_exception<DeviceError>(m, "DeviceError", PyExc_RuntimeError);
    py::register_exception<NonFiniteError>(m, "NonFiniteError", PyExc_ArithmeticError);
#ifdef ANN_WITH_CUDA
    m.attr("cuda_built") = true;
    m.attr("cuda_variants") = cuda::variants();
#else
    m.attr("cuda_built") = false;
    m.attr("cuda_variants") = std::vector<std::string>();
#endif
    m.attr("cuda_host_variants") = cuda::host_variants();
    m.attr("cpu_variants") = cpu::variants();
    m.def("cuda_devices", &cuda_devices, "CUDA devices that this build can see; may be empty.");
    m.def("cuda_refusal", &cuda_refusal,
          "Why backend 'cuda' cannot be used here, and what to do; empty if it can.");
    m.def(
        "cuda_available", [] { return cuda_refusal().empty(); },
        "Whether this build has the CUDA part and sees a device that it can use.");

    py::class_<PyEngine>(m, "Engine", "All cells of one bundle, one step a bin.")
        .def(py::init<const py::dict&, const py::dict&, const std::string&, int, int,
                      const std::string&, const std::vector<int>&, bool>(),
             py::arg("tensors"), py::arg("readout"), py::arg("backend") = "cpu",
             py::arg("rows") = 1, py::arg("threads") = 1, py::arg("variant") = "",
             py::arg("parents") = std::vector<int>(), py::arg("feedback") = false)
        .def("step", &PyEngine::step, py::arg("t0"), py::arg("row"), py::arg("channel"),
             py::arg("weight"), py::arg("t"),
             "One bin [t0, t0 + 1) ms: events row, channel i32[N], weight (uS), t (ms) f64[N] -> "
             "(v f64[B] mV at the bin's end, spike_row i32[S], spike_t f64[S] ms).")
        .def("connect", &PyEngine::connect, py::arg("source"), py::arg("target"), py::arg("row"),
             py::arg("channel"), py::arg("weight"), py::arg("delay"), py::arg("U") = 0.,
             py::arg("tau_rec") = 0., py::arg("tau_fac") = 0.,
             "Spikes of rows source i32[N] become events of the target engine's row, channel "
             "i32[N], with weight (uS) f32[N], delay (ms) f32[N] later, or at the bin's end; "
             "plastic with U > 0 (plasticity.h).")
        .def("play", &PyEngine::play, py::arg("row"), py::arg("channel"), py::arg("weight"),
             py::arg("t"), "Adds events, arrays as step takes them, of this run and every later.")
        .def_property_readonly("connections", &PyEngine::connections)
        .def("resize", &PyEngine::resize, py::arg("rows"),
             "Every row is reset; with another number, its connections are gone.")
        .def("reset", &PyEngine::reset, "Every row to the trial's start.")
        .def("save", &PyEngine::save, "What the rows remember between two bins: flat arrays.")
        .def("load", &PyEngine::load, py::arg("arrays"), "What save() gave, in any variant.")
        .def_property_readonly("rows", &PyEngine::rows)
        .def_property_readonly("channels", &PyEngine::channels)
        .def_property_readonly("outputs", &PyEngine::outputs, "Raw outputs f32[B, 3].")
        .def_property_readonly("population", &PyEngine::population,
                               "Capsule for _neuron; the engine must outlive it.");
}

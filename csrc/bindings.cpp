// ann_backend._engine: argument checks and the GIL, no arithmetic.
#include <pybind11/stl.h>

#include <mutex>

#include "cpu/variants.h"
#include "cuda/bindings.h"
#include "cuda/dlpack.h"
#include "engine.h"
#include "errors.h"
#include "python.h"
#include "spec.h"

namespace py = pybind11;

namespace ann {
namespace {

// As typed(), also of an array on a GPU.
template <class T>
py::array_t<T, py::array::c_style> hosted(const std::string& name, const py::object& value) {
    return typed<T>(name, cuda::on_host(value));
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
    DeviceArray on_device(const std::string& name) {
        std::lock_guard<std::mutex> lock(mutex_);
        return engine_.on_device(name);
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

// An array that stays on the device: looked up each time, as it may move.
struct PyDeviceArray {
    py::object engine;
    std::string name;

    DeviceArray found() const { return engine.cast<PyEngine&>().on_device(name); }
    py::dict interface() const { return cuda::described(found()); }
    py::tuple device() const { return cuda::dlpack_device(found()); }
    // Nothing is under way in it, whatever the stream.
    py::capsule dlpack(const py::object&, const py::object&, const py::object& where,
                       const py::object& copy) const {
        if (!(where.is_none() || device().equal(where)) || copy.equal(py::bool_(true)))
            throw py::buffer_error("expected to hand out '" + name +
                                   "' where it is: copy it there");
        return cuda::dlpack(found(), engine);
    }
};

std::vector<Event> events_of(const py::object& row, const py::object& channel,
                             const py::object& weight, const py::object& t) {
    const auto rows = hosted<int32_t>("row", row), channels = hosted<int32_t>("channel", channel);
    const auto weights = hosted<double>("weight", weight), times = hosted<double>("t", t);
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
    const auto sources = hosted<int32_t>("source", source), rows = hosted<int32_t>("row", row),
               channels = hosted<int32_t>("channel", channel);
    const auto weights = hosted<float>("weight", weight), delays = hosted<float>("delay", delay);
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

}  // namespace
}  // namespace ann

PYBIND11_MODULE(_engine, m) {
    using namespace ann;
    m.doc() = "The engine that steps all cells of a bundle. Knows no NEURON.";
    py::register_exception<InputError>(m, "InputError", PyExc_ValueError);
    py::register_exception<DeviceError>(m, "DeviceError", PyExc_RuntimeError);
    py::register_exception<NonFiniteError>(m, "NonFiniteError", PyExc_ArithmeticError);
    m.attr("cpu_variants") = cpu::variants();
    cuda::bind(m);

    py::class_<PyDeviceArray>(m, "DeviceArray", "One of an engine's arrays on a GPU.")
        .def_property_readonly("__cuda_array_interface__", &PyDeviceArray::interface)
        .def("__dlpack_device__", &PyDeviceArray::device)
        .def("__dlpack__", &PyDeviceArray::dlpack, py::arg("stream") = py::none(), py::kw_only(),
             py::arg("max_version") = py::none(), py::arg("dl_device") = py::none(),
             py::arg("copy") = py::none());
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
        .def(
            "on_device",
            [](const py::object& engine, const std::string& name) {
                engine.cast<PyEngine&>().on_device(name);  // throws
                return PyDeviceArray{engine, name};
            },
            py::arg("name"),
            "An array where the GPU has it (cuda/arrays.h), for cupy and torch; until resize().")
        .def_property_readonly("population", &PyEngine::population,
                               "Capsule for _neuron; the engine must outlive it.");
}

// The groups' bins: launched when all of their events are there, collected when NEURON or a user
// needs the results. A GPU computes in between.
#include <pybind11/pybind11.h>

#include <algorithm>
#include <mutex>
#include <string>

#include "model.h"

namespace ann {

static std::mutex alone;     // with the groups' bins: Python's other threads run meanwhile
static bool begun = false;   // the bin under way was launched, or some groups of it
static std::string failure;  // of it, told when it is collected; there is no bin behind it

static void count(Group& g, const Event& e) {
    if (g.cells.empty()) return;
    Received& r = g.received[size_t(e.row) * g.weights.size() + size_t(e.channel)];
    const auto& [low, high] = g.weights[e.channel];
    ++r.events;
    r.outside += !(e.weight >= low && e.weight <= high);
}

std::vector<Load> loads() {
    std::vector<Load> out;
    for (const Group& g : model().groups)
        for (size_t i = 0; i < g.received.size(); ++i)
            if (g.received[i].events)
                out.push_back(
                    {g.cells[i / g.weights.size()], int(i % g.weights.size()), g.received[i]});
    return out;
}

static void launch(Group& g, double edge) {
    if (g.launched) return;
    const auto later = std::partition(g.events.begin(), g.events.end(),
                                      [=](const Event& e) { return e.t < edge - 1e-9; });
    g.population->follow_dt(nrn_threads->_dt);
    g.population->launch(edge - bin, g.events.data(), size_t(later - g.events.begin()));
    g.launched = true;
    for (auto e = g.events.begin(); e != later; ++e) count(g, *e);
    g.events.erase(g.events.begin(), later);
}

static void collect(Group& g) {
    if (!g.launched) return;
    g.launched = false;
    g.spikes.clear();
    g.population->collect(g.v.data(), g.spikes);
    if (g.cells.empty()) g.sent.insert(g.sent.end(), g.spikes.begin(), g.spikes.end());
}

static void collect_all() {
    for (Group& g : model().groups) collect(g);
}

template <class Read>
static auto settled(const Read& read) {
    const pybind11::gil_scoped_release without_python;
    const std::lock_guard<std::mutex> lock(alone);
    collect_all();
    return read();
}

void settle() {
    settled([] {});
}

std::vector<Spike> sent(size_t group) {
    return settled([=] { return model().groups.at(group).sent; });
}

std::vector<double> voltages(size_t group) {
    return settled([=] { return model().groups.at(group).v; });
}

void drop_launched() {
    begun = false;
    failure.clear();
    for (Group& g : model().groups) g.launched = false;
}

// Rows may be connected: the spikes of the bin before are this one's events.
static void launch_groups(double edge) {
    if (!begun) collect_all();
    begun = true;
    for (Group& g : model().groups) launch(g, edge);
}

// The engine needs no Python; another thread may have it meanwhile. Returns what went wrong.
template <class Work>
static std::string without_python(const Work& work) {
    const bool python = PyGILState_Check();
    PyThreadState* thread = python ? PyEval_SaveThread() : nullptr;
    std::string error;
    try {
        const std::lock_guard<std::mutex> lock(alone);
        work();
    } catch (const std::exception& e) {
        error = e.what();
    }
    if (python) PyEval_RestoreThread(thread);
    return error;
}

void launch_bin(double edge) {
    if (failure.empty()) failure = without_python([=] { launch_groups(edge); });
}

void collect_bin(double edge) {
    launch_bin(edge);
    if (failure.empty())
        failure = without_python([] {
            for (Group& g : model().groups)
                if (g.heard) collect(g);
        });
    if (!failure.empty()) hoc_execerror(("ann_backend: " + failure).c_str(), nullptr);
    begun = false;
}

}  // namespace ann

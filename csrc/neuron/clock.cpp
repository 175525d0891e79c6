// Time: NEURON calls step() at the end of each of its fixed steps; the step that reaches a bin's
// edge runs the bin. The order within: engine, voltages, recordings, spikes.
#include <pybind11/pybind11.h>

#include <algorithm>
#include <string>

#include "../errors.h"
#include "model.h"

namespace ann {

static double edge = bin;  // ms, end of the bin under way

Model& model() {
    static Model m;
    return m;
}

bool alive(Section* s) {
    return *secname(s) != 0;
}

static void write_voltages() {
    for (Group& g : model().groups)
        for (size_t row = 0; row < g.cells.size(); ++row) {
            const Cell& c = model().cells[g.cells[row]];
            if (!c.soma.v) continue;  // the user deleted it
            for (Node* n : c.nodes) _nrn_mechanism_access_voltage(n) = g.v[row];
        }
}

static void bind_nodes() {
    for (Cell& c : model().cells) {
        c.nodes.clear();
        if (!alive(c.soma.section)) continue;
        c.soma.v = nrn_rangepointer(c.soma.section, hoc_lookup("v"), 0.5);
        for (int i = 0; i < _nrn_mechanism_get_nnode(c.soma.section); ++i)
            c.nodes.push_back(_nrn_mechanism_get_node(c.soma.section, i));
    }
}

static void restart() {
    edge = bin;
    for (Group& g : model().groups) {
        g.population->reset();
        g.events.clear();
        g.spikes.clear();
        g.received.assign(g.cells.size() * g.weights.size(), {});
        std::fill(g.v.begin(), g.v.end(), g.v_init);
    }
    write_voltages();
    restart_counters();
    restart_recordings();
}

static void count(Group& g, const Event& e) {
    Received& r = g.received[size_t(e.row) * g.weights.size() + size_t(e.channel)];
    const auto& [low, high] = g.weights[e.channel];
    ++r.events;
    r.outside += !(e.weight >= low && e.weight <= high);
}

double stepped() {
    return model().active ? edge - bin : 0;
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

// The engine needs no Python; another thread may have it meanwhile.
static void step_group(Group& g) {
    const auto later = std::partition(g.events.begin(), g.events.end(),
                                      [](const Event& e) { return e.t < edge - 1e-9; });
    g.spikes.clear();
    for (auto e = g.events.begin(); e != later; ++e) count(g, *e);
    g.population->step(edge - bin, g.events.data(), size_t(later - g.events.begin()), g.v.data(),
                       g.spikes);
    g.events.erase(g.events.begin(), later);
}

static void step_groups() {
    const bool python = PyGILState_Check();
    PyThreadState* thread = python ? PyEval_SaveThread() : nullptr;
    std::string error;
    try {
        for (Group& g : model().groups) step_group(g);
    } catch (const std::exception& e) {
        error = e.what();
    }
    if (python) PyEval_RestoreThread(thread);
    if (!error.empty()) hoc_execerror(("ann_backend: " + error).c_str(), nullptr);
}

static void emit_spikes(double now) {
    std::vector<std::pair<double, int>> spikes;
    for (const Group& g : model().groups)
        for (const Spike& s : g.spikes) spikes.push_back({s.t, g.cells[s.row]});
    std::sort(spikes.begin(), spikes.end());
    for (const auto& [t, cell] : spikes)
        if (model().cells[cell].soma.v) emit(cell, t, now);
}

static void run_bin(double now) {
    step_groups();
    write_voltages();
    patch_recordings(edge);
    emit_spikes(now);
    edge += bin;
}

static void refuse_changes() {
    if (nrn_nthread > 1)
        hoc_execerror(
            "ann_backend: ParallelContext.nthread > 1 is not supported with replaced cells: "
            "use nthread(1), and MPI ranks for more cores",
            nullptr);
}

static int step(int method, int, double*, double*, int thread) {
    if (thread || !model().active) return 0;
    if (method == 0) {  // NEURON has set up its structure anew
        bind_nodes();
        strip_thresholds();
    } else if (method == 1) {
        restart();
    } else if (method == 4) {
        refuse_changes();
        const double now = nrn_threads[0]._t;
        note_step(now);
        while (now > edge - 0.25 * nrn_threads[0]._dt) run_bin(now);
    } else if (method >= 5 && cvode_active_) {
        hoc_execerror(
            "ann_backend: CVode.active(1) is not supported with replaced cells: use the "
            "fixed step, CVode().active(0)",
            nullptr);
    }
    return 0;
}

void start_clock() {
    bind_nodes();
    if (model().active) return;
    set_nonvint_block(step);
    model().active = true;
}

void stop_clock() {
    if (!model().active) return;
    unset_nonvint_block(step);
    model().active = false;
}

}  // namespace ann

// Time: NEURON calls step() at the end of each of its fixed steps; the step that reaches a bin's
// edge runs the bin. The order within: engine, voltages, recordings, spikes.
#include <algorithm>
#include <cmath>
#include <deque>
#include <string>

#include "../errors.h"
#include "connections.h"
#include "fan.h"
#include "flight.h"
#include "model.h"
#include "state.h"

namespace ann {

static double edge = bin;  // ms, end of the bin under way
static double last = 0;    // ms, end of the last step

// A spike on its way out, of a cell or, where that is -1, through a tap.
struct Leaving {
    double t;  // ms
    int cell;
    Point_process* tap;
};
static std::deque<Leaving> pending;
static long runs = 0;  // finitializes; a user's callback may call it in the middle of a step

Model& model() {
    static Model m;
    return m;
}

static void restart() {
    ++runs;
    edge = bin;
    last = 0;
    pending.clear();
    drop_launched();
    for (Group& g : model().groups) {
        g.population->reset();
        g.population->follow_dt(nrn_threads->_dt);
        g.events.clear();
        g.spikes.clear();
        g.sent.clear();
        g.received.assign(g.cells.size() * g.weights.size(), {});
        std::fill(g.v.begin(), g.v.end(), g.v_init);
    }
    write_voltages_between_steps();
    restart_counters();
    restart_clamps();
    restart_recordings();
}

double stepped() {
    return model().active ? edge - bin : 0;
}

double last_step() {
    return last;
}

// A user's callback may raise in the middle: what is left leaves with the next step.
static void emit_spikes(double now) {
    while (!pending.empty()) {
        const auto [t, cell, tap] = pending.front();
        pending.pop_front();
        if (tap)
            emit(tap, t, now);
        else if (model().cells[cell].soma.v)
            emit(cell, t, now);
    }
}

static void collect_spikes(Group& g) {
    if (!g.heard) return;
    for (const Spike& s : g.spikes) {
        if (!g.cells.empty()) {
            const int cell = g.cells[size_t(s.row)];
            __builtin_prefetch(&model().cells[size_t(cell)].soma);
            pending.push_back({s.t, cell, nullptr});
        }
        auto tap = std::lower_bound(g.taps.begin(), g.taps.end(), s.row,
                                    [](const Tap& a, int row) { return a.row < row; });
        for (; tap != g.taps.end() && tap->row == s.row; ++tap)
            if (tap->channel < 0) pending.push_back({s.t, -1, tap->point});
    }
}

static void run_bin(double now) {
    close_clamps(edge);
    collect_bin(edge);
    edge += bin;
    write_voltages();
    patch_recordings(edge - bin);
    for (Group& g : model().groups) collect_spikes(g);
    std::stable_sort(pending.begin(), pending.end(), [](const Leaving& a, const Leaving& b) {
        return a.t != b.t ? a.t < b.t : a.cell < b.cell;
    });
    emit_spikes(now);
}

static void refuse(const char* what) {
    hoc_execerror("ann_backend", what);
}

static void refuse_changes(double now, double dt) {
    if (!model().refused.empty()) refuse(model().refused.c_str());
    if (!model().stranger.empty()) refuse(model().stranger.c_str());
    if (nrn_nthread > 1 && !model().retiring)
        refuse(
            "ParallelContext.nthread > 1 is not supported with replaced cells: use nthread(1), "
            "and MPI ranks for more cores");
    if (exchange().aligned && exchange().off_edges)
        refuse(
            "ParallelContext.set_maxstep after finitialize takes the spike exchange off the "
            "1 ms bins of replaced cells: call it before finitialize");
    if (exchange().aligned && std::abs(bin / dt - std::round(bin / dt)) > 1e-6)
        refuse("with MPI, replaced cells need a dt that divides 1 ms");
    if (now < last - 1e-9 && edge > bin)
        refuse(
            "t went back after replaced cells had run (SaveState.restore, or t was set): load "
            "what ann_backend.save_state kept of that time, or start with finitialize");
}

// NEURON's t is a sum of many dt: in minutes it falls behind whole ms by more than rounding. Where
// the steps meet the edges, the step that ends near one is the one that meets it.
static double reach(double dt) {
    const double steps = bin / dt;
    return std::abs(steps - std::round(steps)) < 1e-6 ? dt / 4 : 1e-6;
}

// The user has set t: the bins go on from there.
static void follow_time(double now, double dt) {
    if (std::abs(now - dt - last) < 1e-6) return;
    edge = bin * (std::floor((now - dt + reach(dt)) / bin) + 1);
    restart_steps(now - dt);
    skip_clamps(now - dt);
}

// Between the two times of a step at which NEURON delivers events its t is ahead of the first.
static bool between_deliveries = false;

void land_delivered() {
    if (!between_deliveries) land(nrn_threads->_t);
}

struct Between {
    ~Between() { between_deliveries = false; }
};

void save_clock(CouplingState& to) {
    if (between_deliveries || !pending.empty() || std::abs(nrn_threads->_t - last) > 1e-9)
        throw InputError("expected to be between two steps of NEURON's, at the end of the last (" +
                         written(last) + " ms), got t = " + written(nrn_threads->_t) + " ms");
    to.clock = {last, edge};
}

void load_clock(const CouplingState& from) {
    last = nrn_threads->_t;
    edge = from.clock[1];
    pending.clear();
    write_voltages_between_steps();
}

// At the end of every fixed step.
static void end_step() {
    const Between within;
    const double now = nrn_threads[0]._t, dt = nrn_threads[0]._dt;
    refuse_changes(now, dt);
    if (std::abs(now - last) < 1e-9) return emit_spikes(now);  // again, after an error in it
    follow_time(now, dt);
    last = now;
    follow_sources();
    follow_clamps(now - dt);
    if (now < 1e-6) {  // a warm-up before t = 0: the cells rest
        edge = bin;
        skip_clamps(now);
    }
    note_step(now);
    emit_spikes(now);
    const long run = runs;
    while (run == runs && now > edge - reach(dt)) run_bin(now);
    // what NEURON delivers next; of one plastic connection's events it may meet an earlier one yet
    if (run == runs && !any_plastic()) land(now);
}

// In the middle of the bin's last step all of its events are there: a GPU computes the bin while
// NEURON solves that step. What fails is told at the step's end.
static void launch_early(double middle, double dt) {
    const double now = middle + dt / 2;
    const bool goes_on = between_deliveries && std::abs(now - dt - last) < 1e-6 && now >= 1e-6;
    if (goes_on && now > edge - reach(dt) && !clamps_mapped()) launch_bin(edge);
}

// NEURON has set up its structure anew: nodes moved, synapses may have come, moved or gone.
static void renew() {
    land_delivered();
    find_sections();
    bind_nodes();
    find_counters();
    close_clamps(last);
    const auto strangers = map_synapses();
    redirect_flights();
    find_sources();
    model().stranger.clear();
    if (strangers.empty()) return;
    const Stranger& s = strangers.front();
    model().stranger =
        s.object + " on " + s.section + ", made since finitialize, is no input of its bundle";
    refuse(model().stranger.c_str());
}

static int step(int method, int, double*, double*, int thread) {
    if (thread || !model().active) return 0;
    if (method == 0) renew();
    if (method == 1) restart();
    if (method == 2) {
        land(nrn_threads[0]._t);  // what NEURON has just delivered, to the middle of the step
        between_deliveries = nrn_threads[0]._t != last;  // else no step: a finitialize or fcurrent
        sample_clamps(nrn_threads[0]._t);
        launch_early(nrn_threads[0]._t, nrn_threads[0]._dt);
    }
    if (method == 4) end_step();
    if (method >= 5 && cvode_active_ && !model().retiring)
        refuse(
            "CVode.active(1) is not supported with replaced cells: use the fixed step, "
            "CVode().active(0)");
    return 0;
}

static bool running = false;

void start_clock() {
    bind_nodes();
    model().active = true;
    if (running) return;
    set_nonvint_block(step);
    watch_netcons(true);
    watch_connections(true);
    watch_recordings(true);
    running = true;
}

void stop_clock() {
    if (!running) return;
    unset_nonvint_block(step);
    watch_netcons(false);
    watch_connections(false);
    watch_recordings(false);
    release_sources();
    running = false;
}

}  // namespace ann

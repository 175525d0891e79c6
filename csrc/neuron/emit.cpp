// Outputs: a spike leaves through the PreSyns that the user's NetCons and pc.cell made on the
// soma's voltage, at its own time, which may lie in the bin that just ended. Only deliveries that
// would fall before now are put off to now.
#include <algorithm>

#include "connections.h"
#include "fan.h"
#include "layout.h"
#include "model.h"

namespace ann {

static double exchange_delay = bin;  // ms, shortest delay between ranks
static size_t sources_seen = 0;      // when the sources were collected
static int netcons_seen = 0;
static bool netcons_watched = false;  // made or deleted since

// Asked at every step: the symbol is looked up once.
static int netcons_made() {
    static const cTemplate* netcon = hoc_lookup("NetCon")->u.ctemplate;
    return netcon->index;
}

void set_exchange_delay(double ms) {
    exchange_delay = ms;
}

static int cell_of_source(PreSyn* ps) {
    Section* s = field<Section*>(ps, layout().section);
    const auto it = s ? model().cell_of.find(s) : model().cell_of.end();
    return it == model().cell_of.end() ? -1 : it->second;
}

static bool on_soma_voltage(PreSyn* ps, const Cell& c) {
    const Handle& h = field<Handle>(ps, layout().variable);
    if (!h) return false;
    const double* v = static_cast<const double*>(h);
    const auto& nodes = group_of(c).nodes;
    auto node = std::lower_bound(nodes.begin(), nodes.end(), c.row,
                                 [](const SomaNode& a, int row) { return a.row < row; });
    for (; node != nodes.end() && node->row == c.row; ++node)
        if (static_cast<const double*>(node->v) == v) return true;
    return false;
}

static void count_delays(PreSyn* ps, Counts& counts) {
    for (int i = 0; i < nrn_presyn_count(ps); ++i) {
        const double d = nrn_netcon_get_delay(static_cast<NetCon*>(nrn_presyn_netcon(ps, i)));
        double *weight, *threshold, *delay;
        Point_process* target;
        nrn_netcon_info(static_cast<NetCon*>(nrn_presyn_netcon(ps, i)), &weight, &target,
                        &threshold, &delay);
        if (!target || d >= bin) continue;
        ++counts.short_delays;
        counts.lateness += (bin - d) * (bin - d) / (2 * bin);
    }
}

static void collect() {
    for (Cell& c : model().cells) c.sources.clear();
    const auto* all = net_cvode_instance_psl();
    sources_seen = all ? all->size() : 0;
    netcons_seen = netcons_made();
    netcons_watched = false;
    if (!all) return;
    for (PreSyn* ps : *all) {
        const int cell = cell_of_source(ps);
        if (cell >= 0) model().cells[cell].sources.push_back(ps);
    }
    adopt_sources();
}

// A parked soma must not be tested against its thresholds: only the engine decides when it fires.
static void strip_threshold(PreSyn* ps) {
    auto*& item = field<hoc_Item*>(ps, layout().threshold_item);
    if (!item || cell_of_source(ps) < 0) return;
    hoc_l_delete(item);
    item = nullptr;
}

static void strip_thresholds() {
    const auto* all = net_cvode_instance_psl();
    if (!all) return;
    for (PreSyn* ps : *all) strip_threshold(ps);
}

void note_netcon() {
    netcons_watched = true;
}

// NEURON links the source of a NetCon that is made during a run at once, and tests it before our
// next step.
static void* (*make_netcon)(Object*) = nullptr;

static void* make_watched_netcon(Object* o) {
    void* nc = make_netcon(o);
    note_netcon();
    double *weight, *threshold = nullptr, *delay;
    Point_process* target;
    nrn_netcon_info(static_cast<NetCon*>(nc), &weight, &target, &threshold, &delay);
    if (threshold) strip_threshold(source_at(threshold));
    return nc;
}

void watch_netcons(bool on) {
    cTemplate* netcon = hoc_lookup("NetCon")->u.ctemplate;
    if (on) make_netcon = netcon->constructor;
    netcon->constructor = on ? make_watched_netcon : make_netcon;
}

void find_sources() {
    find_kept();
    collect();
    strip_thresholds();
    for (size_t i = 0; i < model().cells.size(); ++i) {
        const Cell& c = model().cells[i];
        Counts& counts = model().counts[i];
        for (PreSyn* ps : c.sources) {
            ++counts.sources;
            counts.sources_off_soma += !on_soma_voltage(ps, c);
            counts.thresholds +=
                field<double>(ps, layout().threshold) != group_of(c).population->threshold();
            count_delays(ps, counts);
        }
    }
}

// Delays that would deliver before `now`, stretched to it for one send (NEURON stops on an event
// that is older than its target's last one).
struct Stretched {
    std::vector<std::pair<NetCon*, double>> kept;
    Stretched(PreSyn* ps, double t, double now) {
        for (int i = 0; i < nrn_presyn_count(ps); ++i) {
            auto* nc = static_cast<NetCon*>(nrn_presyn_netcon(ps, i));
            const double d = nrn_netcon_get_delay(nc);
            if (t + d >= now) continue;
            kept.push_back({nc, d});
            nrn_netcon_set_delay(nc, now - t);
        }
    }
    ~Stretched() {
        for (auto& [nc, d] : kept) nrn_netcon_set_delay(nc, d);
    }
};

// A field of NEURON's with another value for one send, also if a user's callback raises in it.
template <class T>
struct Instead {
    T& place;
    const T own;
    Instead(T& place, T value) : place(place), own(place) { place = value; }
    ~Instead() { place = own; }
};

// What PreSyn.send begins with: a user's callback may look at the NetCons, change and drop them.
static bool can_record() {
    return layout().callback > 0;
}

static void record(PreSyn* ps, double t) {
    if (can_record()) ps->record(t);
}

static void send_recorded(PreSyn* ps, double t, double now) {
    void* nothing = nullptr;
    const std::ptrdiff_t word = sizeof(void*), times = layout().callback - 2 * word;
    const Instead<void*> no_times(can_record() ? field<void*>(ps, times) : nothing, nullptr);
    const Instead<void*> no_callback(can_record() ? field<void*>(ps, times + 2 * word) : nothing,
                                     nullptr);
    const Stretched held(ps, t, now);
    const Instead<double> delay(shared_delay(ps), std::max(shared_delay(ps), now - t));
    presyn_send(ps, t, net_cvode_instance, nrn_threads);
}

static void send(PreSyn* ps, double t, double now) {
    int& output = field<int>(ps, layout().output);
    const int own = output;
    const bool late_for_ranks = own >= 0 && t + exchange_delay < now;
    if (fans_out(ps)) {
        fan_out(ps, t, now);
        if (own >= 0 && !late_for_ranks) nrn2ncs_outputevent(own, t);
    } else {
        const Instead<int> quiet(output, late_for_ranks ? -1 : own);  // it leaves below, later
        send_recorded(ps, t, now);
    }
    if (late_for_ranks) nrn2ncs_outputevent(own, now - exchange_delay);
}

// NetCons came or went since the sources were collected, one of gid_connect's, which raises the
// template's index, or a source that a Vector had kept.
static bool sources_changed() {
    const auto* all = net_cvode_instance_psl();
    return netcons_watched || (all ? all->size() : 0) != sources_seen ||
           netcons_made() != netcons_seen;
}

void follow_sources() {
    if (plays_changed()) find_kept();
    if (!sources_changed()) return;
    collect();
    strip_thresholds();
}

// NetCon.record sets NEURON's t to the spike's; a callback that raises would leave it there.
struct KeepTime {
    const double kept = ::t;
    ~KeepTime() { ::t = kept; }
};

static bool is_source(int cell, PreSyn* ps) {
    follow_sources();
    const auto& all = model().cells[cell].sources;
    return std::find(all.begin(), all.end(), ps) != all.end();
}

void emit(int cell, double t, double now) {
    const KeepTime keep;
    follow_sources();
    if (counters_changed()) find_counters();
    for (const Counter& counter : model().cells[cell].counters) count_spike(counter, t);
    const std::vector<PreSyn*> sources = model().cells[cell].sources;
    for (PreSyn* ps : sources) {
        if (!is_source(cell, ps)) continue;
        record(ps, t);
        if (is_source(cell, ps)) send(ps, t, now);
    }
}

void emit(Point_process* tap, double t, double now) {
    const KeepTime keep;
    follow_sources();
    auto* ps = static_cast<PreSyn*>(tap->presyn_);
    if (!ps) return;
    record(ps, t);
    if (tap->presyn_ == ps) send(ps, t, now);
}

}  // namespace ann

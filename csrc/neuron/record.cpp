// Recordings of a replaced soma's voltage: samples that NEURON took inside a bin, when only the
// voltage at its start was known, are rewritten at the bin's end.
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <unordered_map>
#include <utility>

#include "course.h"
#include "layout.h"
#include "model.h"
#include "state.h"

namespace ann {

constexpr double never = std::numeric_limits<double>::infinity();

struct Recording {
    PlayRecord* by;
    Handle recorded;
    IvocVect *samples, *times;  // times: null unless the user gave them
    double dt;                  // ms, 0: at every step
    double begun;               // with a dt: time of the Vector's first sample, in dt
    double since;               // ms: samples up to then are left as they are
};

struct History {
    Course course;
    std::vector<size_t> recordings;  // indices of collected
};

static std::unordered_map<int, History> histories;  // by cell
static std::vector<Recording> collected;            // all of NEURON's, when they were looked at
static std::optional<double> emptied;  // ms: when NEURON emptied them all, until that is taken in
static std::vector<double> steps;      // ms, of NEURON's last steps: four bins' at least

// NEURON's t is a sum of steps: at an edge it is off by some 1e-12 ms.
static double snapped(double t) {
    const double nearest = bin * std::round(t / bin);
    return std::abs(t - nearest) < 1e-6 ? nearest : t;
}

// Time of sample i of n; NEURON has yet to take the one of the present step.
static double time_of(const Recording& r, int i, int n) {
    if (r.times) return vector_vec(r.times)[i];
    if (r.dt > 0) return (r.begun + i) * r.dt;
    const int back = n - i;  // 1: the step before the present one
    return back < int(steps.size()) ? steps[steps.size() - 1 - back] : -1;
}

static void rewrite(const Recording& r, const Course& c, const Waveform& w, double edge) {
    const int n = vector_capacity(r.samples);
    double* p = vector_vec(r.samples);
    const Knots k = knots(c, edge);
    const double since = std::max({edge - 2 * bin, 0.0, r.since});
    for (int i = n - 1; i >= 0; --i) {
        const double t = snapped(time_of(r, i, n));
        if (t <= since) break;
        if (t < edge) p[i] = voltage(c, w, k, t);
    }
}

// NEURON goes on at its times after the user has emptied the Vector, in part or whole. The samples
// up to `until` (ms) are taken, give or take one within a quarter of a step of it.
static void follow(Recording& r, double until) {
    if (r.dt == 0 || until < r.begun * r.dt + 1e-9) return;
    const int n = vector_capacity(r.samples);
    const double due = until / r.dt - r.begun + 1, slack = nrn_threads->_dt / 4 / r.dt;
    if (n >= std::floor(due - slack) && n <= std::floor(due + slack)) return;
    r.begun += std::floor(due + 1e-6 / r.dt) - n;
}

static Recording describe(PlayRecord* pr) {
    const Layout& l = layout();
    void* vtable = *reinterpret_cast<void**>(pr);
    Recording r{pr, {}, nullptr, nullptr, 0, 0, never};
    if (vtable != l.every_step && vtable != l.every_dt && vtable != l.at_times) return r;
    r.recorded = field<Handle>(pr, l.recorded);
    r.samples = field<IvocVect*>(pr, l.samples);
    if (vtable == l.every_dt) r.dt = field<double>(pr, l.sample_dt);
    if (vtable == l.at_times) r.times = field<IvocVect*>(pr, l.sample_times);
    return r;
}

// One that went may have left its address to another.
static bool same(const Recording& a, const Recording& b) {
    return a.by == b.by && a.recorded == b.recorded && a.samples == b.samples &&
           a.times == b.times && a.dt == b.dt;
}

static std::unordered_map<const double*, int> soma_voltages() {
    std::unordered_map<const double*, int> out;
    for (const Group& g : model().groups)
        for (const auto& [row, v] : g.nodes)
            if (const auto* at = static_cast<const double*>(v)) out[at] = g.cells[size_t(row)];
    return out;
}

// One made during a run waits until NEURON empties all of them. But one at every step may begin
// before (CVode.active, on and off); what its Vector held is not told from samples.
static Recording meet(Recording r) {
    if (r.samples && r.dt == 0 && vector_capacity(r.samples) == 0) r.since = -never;
    return r;
}

// NEURON adds new ones behind the others.
static void collect_all() {
    const auto old = std::exchange(collected, {});
    auto from = old.begin();
    for (PlayRecord* pr : *net_cvode_instance_prl()) {
        const Recording r = describe(pr);
        const auto known =
            std::find_if(from, old.end(), [&](const Recording& a) { return same(a, r); });
        collected.push_back(known == old.end() ? meet(r) : *known);
        if (known != old.end()) from = known + 1;
    }
}

static History new_history(int cell) {
    const Cell& c = model().cells[cell];
    const double v = group_of(c).v[c.row];
    return {{{v, v, v}, {}}, {}};
}

// Recordings of soma voltages go to their cells' histories; what the others record is returned.
static Addresses collect() {
    Addresses others;
    for (auto& [cell, h] : histories) h.recordings.clear();
    const auto soma = soma_voltages();
    collect_all();
    for (size_t i = 0; i < collected.size(); ++i) {
        const Recording& r = collected[i];
        if (!r.samples || !r.recorded) continue;
        const double* value = static_cast<const double*>(r.recorded);
        const auto it = soma.find(value);
        if (it == soma.end())
            ++others[value];
        else
            histories.try_emplace(it->second, new_history(it->second))
                .first->second.recordings.push_back(i);
    }
    return others;
}

static bool changed() {
    const auto& all = *net_cvode_instance_prl();
    return !std::equal(collected.begin(), collected.end(), all.begin(), all.end(),
                       [](const Recording& r, PlayRecord* pr) { return same(r, describe(pr)); });
}

static void take_in() {
    if (changed()) collect();  // came or went
    if (!emptied) return;
    for (Recording& r : collected) {
        if (r.dt > 0) r.begun = *emptied / r.dt;
        r.since = -never;
    }
    emptied.reset();
}

static void (*neurons_frecord_init)() = nullptr;

static void frecord_init() {
    neurons_frecord_init();
    emptied = nrn_threads->_t;
}

void watch_recordings(bool on) {
    auto& function = hoc_lookup("frecord_init")->u.u_proc->defn.pf;
    if (on) neurons_frecord_init = function;
    function = on ? frecord_init : neurons_frecord_init;
}

void find_recordings() {
    histories.clear();
    collected.clear();
    count_stale(collect());
    for (const auto& [cell, h] : histories)
        model().counts[cell].recordings = long(h.recordings.size());
}

void restart_steps(double t) {
    steps.assign(1, t);
}

void restart_recordings() {
    restart_steps(0);
    emptied = 0;
    for (auto& [cell, h] : histories) {
        const double v = group_of(model().cells[cell]).v_init;
        h.course = {{v, v, v}, {}};
    }
}

void note_step(double now) {
    const auto& all = *net_cvode_instance_prl();
    const bool more = !all.empty() && (collected.empty() || all.back() != collected.back().by);
    if (more || emptied) take_in();  // while the voltage is the one that the bin begins with
    steps.push_back(now);
    const auto old = std::lower_bound(steps.begin(), steps.end(), now - 4 * bin);
    if (old - steps.begin() > 1000) steps.erase(steps.begin(), old);
}

void patch_recordings(double edge) {
    take_in();
    for (auto& [cell, h] : histories) {
        const Cell& c = model().cells[cell];
        const Group& g = group_of(c);
        const Waveform& w = g.population->waveform();
        go_on(h.course, edge, g.v[c.row], w, g.spikes, c.row);
        for (const size_t i : h.recordings) {
            follow(collected[i], steps.back() - nrn_threads->_dt / 2);
            rewrite(collected[i], h.course, w, edge);
        }
    }
}

void save_recordings(CouplingState& to) {
    take_in();
    for (const auto& [cell, h] : histories) {
        to.recorded_cell.push_back(cell);
        to.recorded_v.insert(to.recorded_v.end(), h.course.v, h.course.v + 3);
        for (const Peak& p : h.course.peaks) {
            to.peak_cell.push_back(cell);
            to.peaks.insert(to.peaks.end(), {p.spike, p.from, p.until, p.v_from, p.v_until});
        }
        for (const size_t i : h.recordings) {
            Recording& r = collected[i];
            if (r.dt == 0 || r.since == never) continue;
            follow(r, nrn_threads->_t);
            to.sampled_cell.push_back(cell);
            to.samples.insert(to.samples.end(), {r.dt, vector_capacity(r.samples) + r.begun});
        }
    }
}

// NEURON keeps the times at which it samples; one emptied now (frecord_init) begins now.
static void resume(Recording& r, int cell, const CouplingState& from, double now) {
    const int n = vector_capacity(r.samples);
    const bool begins = r.dt > 0 && n == 0 && std::abs(r.begun * r.dt - now) < 1e-9;
    if (r.times || begins) return;
    r.since = r.dt > 0 ? never : now + 1e-6;
    for (size_t i = 0; i < from.sampled_cell.size(); ++i) {
        if (from.sampled_cell[i] != cell || from.samples[2 * i] != r.dt) continue;
        r.begun = from.samples[2 * i + 1] - n;
        r.since = now + 1e-6;
    }
}

void load_recordings(const CouplingState& from, double now) {
    restart_steps(now);
    take_in();
    for (auto& [cell, h] : histories) {
        const double v = group_of(model().cells[cell]).v[model().cells[cell].row];
        h.course = {{v, v, v}, {}};
        for (size_t i = 0; i < from.recorded_cell.size(); ++i)
            if (from.recorded_cell[i] == cell) std::copy_n(&from.recorded_v[3 * i], 3, h.course.v);
        for (size_t i = 0; i < from.peak_cell.size(); ++i) {
            const double* p = &from.peaks[5 * i];
            if (from.peak_cell[i] == cell) h.course.peaks.push_back({p[0], p[1], p[2], p[3], p[4]});
        }
        for (const size_t i : h.recordings) resume(collected[i], cell, from, now);
    }
}

}  // namespace ann

#include "state.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "../errors.h"
#include "flight.h"
#include "model.h"

namespace ann {

static void save_events(CouplingState& to) {
    for (size_t g = 0; g < model().groups.size(); ++g)
        for (const Event& e : model().groups[g].events) {
            to.event_group.push_back(int32_t(g));
            to.event_row.push_back(e.row);
            to.event_channel.push_back(e.channel);
            to.event_weight.push_back(e.weight);
            to.event_t.push_back(e.t);
        }
}

static void load_rows(const CouplingState& from) {
    auto v = from.v.begin();
    drop_launched();
    for (Group& g : model().groups) {
        std::copy_n(v, g.v.size(), g.v.begin());
        v += std::ptrdiff_t(g.v.size());
        g.events.clear();
        g.spikes.clear();
        g.sent.clear();
        g.received.assign(g.received.size(), {});
    }
    for (size_t i = 0; i < from.event_t.size(); ++i)
        model().groups[size_t(from.event_group[i])].events.push_back(
            {from.event_t[i], from.event_weight[i], from.event_row[i], from.event_channel[i]});
}

CouplingState save_coupling() {
    CouplingState s;
    save_clock(s);
    settle();
    land_delivered();
    spill();  // as SaveState.save does
    for (const Group& g : model().groups) s.v.insert(s.v.end(), g.v.begin(), g.v.end());
    save_events(s);
    save_clamps(s);
    save_recordings(s);
    return s;
}

static void expect(bool good, const char* what) {
    if (!good) throw InputError(std::string("the state does not fit this model: other ") + what);
}

static void check(const CouplingState& s) {
    size_t rows = 0;
    for (const Group& g : model().groups) rows += g.v.size();
    expect(s.v.size() == rows, "rows");
    expect(s.clamps.size() == 3 * clamps_mapped(), "current clamps on the replaced cells");
    const size_t n = s.event_t.size();
    expect(s.event_group.size() == n && s.event_row.size() == n && s.event_channel.size() == n &&
               s.event_weight.size() == n && s.recorded_v.size() == 3 * s.recorded_cell.size() &&
               s.peaks.size() == 5 * s.peak_cell.size() && s.clock.size() == 2 &&
               s.samples.size() == 2 * s.sampled_cell.size(),
           "arrays");
    for (int32_t g : s.event_group)
        expect(g >= 0 && size_t(g) < model().groups.size(), "populations");
    if (!(std::abs(s.clock[0] - nrn_threads->_t) < 1e-6))
        throw InputError("expected NEURON's t to be that of the state, " + written(s.clock[0]) +
                         " ms, got " + written(nrn_threads->_t) +
                         " ms: restore NEURON's own state first (SaveState.restore)");
}

void load_coupling(const CouplingState& from) {
    check(from);
    spill();
    forget_flights();
    load_rows(from);
    load_clock(from);
    load_clamps(from);
    load_recordings(from, nrn_threads->_t);
}

}  // namespace ann

// What the coupling remembers between two of NEURON's steps and NEURON's own SaveState does not,
// as flat arrays. Events under way (`flight`) are in NEURON's queue by then, as it saves them.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ann {

struct CouplingState {
    std::vector<double> clock;  // ms: end of the last step, end of the bin under way
    std::vector<double> v;      // [rows of all groups] mV, at the last bin's end
    // Events delivered and not yet stepped over.
    std::vector<int32_t> event_group, event_row, event_channel;
    std::vector<double> event_weight, event_t;  // uS, ms
    std::vector<double> clamps;                 // [clamps, 3]: since (ms), current, sample (nA)
    // Of cells whose soma's voltage is recorded.
    std::vector<int32_t> recorded_cell;
    std::vector<double> recorded_v;  // [cells, 3] mV, at the last edges
    std::vector<int32_t> peak_cell;
    std::vector<double> peaks;  // [peaks, 5], a Peak each
    std::vector<int32_t> sampled_cell;
    std::vector<double> samples;  // [recorders with a dt, 2]: dt (ms), samples taken
};

template <class State, class Visit>
void each_array(State& s, const Visit& visit) {
    visit("clock", s.clock);
    visit("v", s.v);
    visit("event_group", s.event_group);
    visit("event_row", s.event_row);
    visit("event_channel", s.event_channel);
    visit("event_weight", s.event_weight);
    visit("event_t", s.event_t);
    visit("clamps", s.clamps);
    visit("recorded_cell", s.recorded_cell);
    visit("recorded_v", s.recorded_v);
    visit("peak_cell", s.peak_cell);
    visit("peaks", s.peaks);
    visit("sampled_cell", s.sampled_cell);
    visit("samples", s.samples);
}

// Throws InputError in the middle of a step.
CouplingState save_coupling();

// Throws InputError, and has then changed nothing, where NEURON's t is not the state's, or its
// cells, clamps or rows are not this model's.
void load_coupling(const CouplingState&);

// The stages' parts.
void save_clock(CouplingState&);  // clock.cpp
void load_clock(const CouplingState&);
void save_clamps(CouplingState&);  // clamp.cpp
void load_clamps(const CouplingState&);
size_t clamps_mapped();
void save_recordings(CouplingState&);  // record.cpp
void load_recordings(const CouplingState&, double now);

}  // namespace ann

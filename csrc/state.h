// What a run is between two bins, as plain arrays in one layout for every backend and variant: what
// a file of a state holds. Arrays are flat; B rows first, the dimension letters of types.h.
#pragma once
#include <vector>

#include "types.h"

namespace ann {

struct NetworkSizes {
    explicit NetworkSizes(const Spec& spec);
    int W, GK, L, H, N, U;  // GK = G*K; N is 0 without a tree
};

struct NetworkState : NetworkSizes {
    NetworkState(const NetworkSizes& sizes, int rows);
    int B;
    std::vector<float> traces;  // [B, W, G*K], the newest bin first
    std::vector<float> lstm;    // [B, L, 2, H]: h, c
    std::vector<float> v;       // [B, N], of a tree
    // [B, 2, N*U], of a tree: a gate is the sum of both. Some backends keep how far it has moved
    // from its value at reset, which no single float32 holds exactly.
    std::vector<float> gates;
};

// Where a backend has it: pointers to the first row's, and floats from one to the next.
struct Kept {
    float* traces;  // a ring over W
    size_t traces_row, traces_bin;
    int newest;  // slot of the ring
    float* lstm;
    size_t lstm_row, lstm_part;  // part: from h to c
    float* v;
    size_t v_row;
    float* gates;
    size_t gates_row, gates_branch;
    const float* reset;  // [N*U]: gates are kept less this; null: whole
};

void save(const Kept& from, NetworkState& to);
void load(const Kept& to, const NetworkState& from);

struct EngineState {
    NetworkState network;
    std::vector<float> hazard;        // [B] gathered by the readout, less the spikes
    std::vector<double> last_spike;   // [B] ms
    std::vector<int32_t> heard_row;   // the last bin's spikes, of a network that hears its own
    std::vector<double> heard_t;      // ms
    std::vector<double> agenda_open;  // ms, start of the agenda's bin; empty: it has none
    std::vector<int32_t> due_ahead;   // events of other rows to come: so many bins behind that one
    std::vector<int32_t> due_row, due_channel;
    std::vector<double> due_weight, due_t;  // uS, ms
    std::vector<double> releases;           // [plastic connections, 3]: plasticity.h
};

// visit(name, array) for each.
template <class State, class Visit>
void each_array(State& s, const Visit& visit) {
    visit("traces", s.network.traces);
    visit("lstm", s.network.lstm);
    visit("v", s.network.v);
    visit("gates", s.network.gates);
    visit("hazard", s.hazard);
    visit("last_spike", s.last_spike);
    visit("heard_row", s.heard_row);
    visit("heard_t", s.heard_t);
    visit("agenda_open", s.agenda_open);
    visit("due_ahead", s.due_ahead);
    visit("due_row", s.due_row);
    visit("due_channel", s.due_channel);
    visit("due_weight", s.due_weight);
    visit("due_t", s.due_t);
    visit("releases", s.releases);
}

// Throws InputError unless `given` fits an engine whose state is `own`.
void check(const EngineState& given, const EngineState& own, int channels);

}  // namespace ann

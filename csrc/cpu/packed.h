// A bundle's weights in the order in which a kernel reads them, for vectors of V lanes.
#pragma once
#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

#include "../types.h"

namespace ann::cpu {

// An array that starts on a cache line. The kernels read `data` itself: a member function of it
// might be compiled for their instruction set and then serve the rest of the program.
template <class T>
class Aligned {
  public:
    T* data = nullptr;

    void assign(size_t n) {  // zeros
        lines_.reset(new Line[n * sizeof(T) / 64 + 1]());
        data = reinterpret_cast<T*>(lines_.get());
    }
    void assign(const std::vector<T>& values) {
        assign(values.size());
        std::copy(values.begin(), values.end(), data);
    }

  private:
    struct alignas(64) Line {
        char bytes[64];
    };
    std::unique_ptr<Line[]> lines_;
};

// y = x @ w + b. Outputs stand in panels of 2 V lanes, the last one filled up with zeros.
struct Dense {
    int in, panels;
    Aligned<float> w;     // [panels, in, 2 V]
    Aligned<float> bias;  // [panels, 2 V]
};

// Where an event goes. Groups with the same time constants share a clock, K4 lanes of
// exp(-age / tau).
struct Channel {
    int first, last;  // of `targets`
    int rates;        // where its rates start
    int clocks;       // lanes of all its clocks
};

struct Target {  // one non-zero of the embedding
    int at;      // g * K, the first of its traces
    int clock;   // first lane of its clock
    float gain;  // 1 / uS
};

// Units stand as those of the branches below. What a branch has beside them, own, kept and current,
// is in its first unit's lane.
struct Tree {
    int N = 0;                        // 0: no tree
    int U4;                           // units of a branch, filled up to fours
    Aligned<int> parents, branch_of;  // [N], [vectors, V / 4]: of a quad
    // [vectors, 9, V]: slope and bias, times -log2(e), rate, reversal, own, kept, current; slope
    // and bias of the activation, times -log2(e)
    Aligned<float> units;
    Aligned<float> axial;  // [N]
};

struct Packed {
    Packed(const Spec& spec, int lanes);

    int V, W, L, H, K4;  // K4: K filled up to fours, as quads are
    int traces, hidden;  // floats of a row: of one bin's traces, of h
    int wide;            // floats of a row of inputs to any stage
    int scratch, spare;  // floats of scratch: of a row, of a block beside that of its rows
    int faded;           // floats of all clocks of a channel, at most
    int state;           // floats of a row: h, c [L, 2, hidden]; of a tree v [N] and its gates
    int v_at, gates_at;  // where in these a tree's start

    Aligned<float> loss;        // [traces]: 1 - exp(-bin / tau), 0 beyond G * K
    Aligned<Channel> channels;  // [C]
    Aligned<Target> targets;
    Aligned<float> rates;  // V by V lanes: -log2(e) / tau, then 1, or 0 beyond K

    // Branch units, four (a quad) at a time: a vector holds V / 4 quads, each of one branch.
    int vectors, inputs;                // inputs: of a branch, R * K filled up to fours
    Aligned<int> quad_at;               // [vectors, V / 4]: where a quad's traces start
    Aligned<float> branch_w, branch_b;  // [vectors, W, inputs, V], [vectors, V]
    int units;                          // of all branches, each filled up to fours
    Tree tree;
    Aligned<float> start;  // [state] of a row at reset

    bool has_mix;
    Dense mix, head1, head2;
    // [L]; inputs, then hidden units -> gates, V units in two panels: i and f, g and o. The weights
    // carry the factors that lstm_cell (activations.h) expects.
    std::vector<Dense> lstm;
};

}  // namespace ann::cpu

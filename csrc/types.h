// Plain data that passes between the stages. Times in ms, potentials in mV, weights in uS.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tree.h"

namespace ann {

// Dimension letters, everywhere: B rows, C channels, G groups, K kernels, W taps, N branches,
// R = G / N groups of a branch, U units of a branch, D what all branches give (N*U units, or the N
// voltages of a tree), P mix size (0: no mix), F features (P, or D without a mix), H hidden, L LSTM
// layers, M head units, O = 3 outputs, A samples of the AP template.
constexpr int O = 3;
constexpr double bin_ms = 1.0;  // a step covers [t0, t0 + bin_ms)

struct Event {
    double t;       // ms
    double weight;  // uS
    int32_t row;
    int32_t channel;
};

// An event of a known row, as the traces see it.
struct RowEvent {
    float age;     // ms, from the event to the bin's end
    float weight;  // uS
    int32_t channel;
};

struct Spike {
    double t;  // ms
    int32_t row;
};

// The AP template: sample i lies at start + i * dt from the spike's time (the upward crossing of
// the threshold). It is cut to the stretch above clip. v may be empty: no template.
struct Waveform {
    double start, dt;       // ms
    double clip;            // mV
    std::vector<double> v;  // [A] mV
};

struct LstmLayer {
    std::vector<float> wx;    // [F or H, 4H]; gates i, f, g, o
    std::vector<float> wh;    // [H, 4H]
    std::vector<float> bias;  // [4H]
};

// A bundle's tensors and readout, checked. Matrices lie [in][out].
struct Spec {
    int C, G, K, W, N, R, U, D, P, F, H, L, M;
    bool feedback;  // whether channel C - 1 is the row's own spikes, of weight 1, 1 ms later
    std::vector<float> embedding;                           // [C, G], 1 / uS
    std::vector<float> tau;                                 // [G, K], ms
    std::vector<float> branch_w, branch_b;                  // [W, N, R*K, U], [N, U]
    std::vector<float> mix_w, mix_b;                        // [D, P], [P]
    std::vector<LstmLayer> lstm;                            // [L]
    Tree tree;                                              // of the branches
    std::vector<float> head_w1, head_b1, head_w2, head_b2;  // [H, M], [M], [M, O], [O]
    Waveform ap;
    double threshold_mV, clip_mV, v_offset_mV, v_scale_mV;
    double hazard_threshold, memory_ms, refractory_ms;
};

}  // namespace ann

// Plain data that passes between the stages. Times in ms, potentials in mV, weights in uS.
#pragma once
#include <cstdint>
#include <vector>

namespace ann {

// Dimension letters, everywhere: B rows, C channels, G groups, K kernels, W conv taps, F filters,
// H hidden, L LSTM layers, M head units, O = 3 outputs, A samples of the AP template.
constexpr int O = 3;
constexpr double bin_ms = 1.0;  // a step covers [t0, t0 + bin_ms)

struct Event {
    double t;       // ms
    double weight;  // uS
    int32_t row;
    int32_t channel;
};

struct Spike {
    double t;  // ms
    int32_t row;
};

// The AP template: sample i lies at start + i * dt from the spike's time (the upward crossing of
// the threshold). It is cut to the stretch above clip. v may be empty: no template.
struct Waveform {
    double start, dt;  // ms
    double clip;       // mV
    std::vector<double> v;
};

}  // namespace ann

#include "readout.h"

#include <algorithm>
#include <cmath>

#include "activations.h"

namespace ann {

Readout::Readout(const Spec& spec)
    : ap_(spec.ap),
      threshold_(spec.threshold_mV),
      clip_(spec.clip_mV),
      v_offset_(spec.v_offset_mV),
      v_scale_(spec.v_scale_mV),
      hazard_threshold_(spec.hazard_threshold),
      refractory_(spec.refractory_ms),
      kept_(static_cast<float>(std::exp(-bin_ms / spec.memory_ms))) {}

void Readout::resize(int rows) {
    hazard_.assign(rows, 0.f);
    t_last_.assign(rows, -1e9);
}

void Readout::reset() {
    resize(static_cast<int>(hazard_.size()));
}

void Readout::save(EngineState& to) const {
    to.hazard = hazard_;
    to.last_spike = t_last_;
}

void Readout::load(const EngineState& from) {
    hazard_ = from.hazard;
    t_last_ = from.last_spike;
}

void Readout::step(double t0, const float* outputs, double* v_end, std::vector<Spike>& spikes) {
    const size_t old = spikes.size();
    for (int row = 0; row < static_cast<int>(hazard_.size()); ++row) {
        const float* y = outputs + static_cast<size_t>(row) * O;
        if (pick(row, t0, y)) spikes.push_back({t_last_[row], row});
        v_end[row] = voltage(row, t0 + bin_ms, y[2]);
    }
    std::sort(
        spikes.begin() + static_cast<std::ptrdiff_t>(old), spikes.end(),
        [](const Spike& a, const Spike& b) { return a.t != b.t ? a.t < b.t : a.row < b.row; });
}

// Gathered with a leak: a teacher's spike near a bin's edge puts hazard on both sides of it, and
// where its time is uncertain, on many bins. Threshold and memory were calibrated on validation
// data with exactly this rule.
bool Readout::pick(int row, double t0, const float* y) {
    const float hazard = hazard_[row] * kept_ + sigmoid(y[0]);
    const double t = t0 + static_cast<double>(sigmoid(y[1])) * bin_ms;
    const bool spike =
        static_cast<double>(hazard) >= hazard_threshold_ && t - t_last_[row] >= refractory_;
    hazard_[row] = spike ? 0.f : hazard;
    if (spike) t_last_[row] = t;
    return spike;
}

// The network's own voltage; where it is at the clip, the AP template if the last spike's covers
// t_end.
double Readout::voltage(int row, double t_end, float vm) const {
    const double base = std::min(clip_, v_offset_ + v_scale_ * static_cast<double>(vm));
    if (base < clip_) return base;
    const double x = (t_end - t_last_[row] - ap_.start) / ap_.dt;  // in samples
    const double last = static_cast<double>(ap_.v.size()) - 1;
    if (x >= 0 && x <= last) {
        const size_t i = static_cast<size_t>(x);
        const size_t j = std::min(i + 1, ap_.v.size() - 1);
        return ap_.v[i] + (x - static_cast<double>(i)) * (ap_.v[j] - ap_.v[i]);
    }
    return base;
}

}  // namespace ann

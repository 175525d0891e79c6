#include "readout.h"

#include <algorithm>
#include <cmath>

namespace ann {

Reading reading_of(const Spec& spec, const std::vector<double>& ap) {
    return {ap.data(),          static_cast<int>(ap.size()),
            spec.ap.start,      spec.ap.dt,
            spec.clip_mV,       spec.v_offset_mV,
            spec.v_scale_mV,    spec.hazard_threshold,
            spec.refractory_ms, static_cast<float>(std::exp(-bin_ms / spec.memory_ms))};
}

Readout::Readout(const Spec& spec) : ap_(spec.ap.v), rule_(reading_of(spec, ap_)) {}

void Readout::resize(int rows) {
    hazard_.assign(rows, 0.f);
    t_last_.assign(rows, never);
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
        if (spikes_in(rule_, t0, y, hazard_[row], t_last_[row]))
            spikes.push_back({t_last_[row], row});
        v_end[row] = voltage(rule_, t0 + bin_ms, y[2], t_last_[row]);
    }
    sort_from(old, spikes);
}

void sort_from(size_t first, std::vector<Spike>& spikes) {
    std::sort(
        spikes.begin() + static_cast<std::ptrdiff_t>(first), spikes.end(),
        [](const Spike& a, const Spike& b) { return a.t != b.t ? a.t < b.t : a.row < b.row; });
}

}  // namespace ann

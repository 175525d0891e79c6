// Raw outputs -> spikes with exact times, and the soma's voltage at the bin's end, on the host.
#pragma once
#include <vector>

#include "reading.h"
#include "state.h"

namespace ann {

class Readout {
  public:
    explicit Readout(const Spec& spec);
    Readout(const Readout&) = delete;  // the rule points into ap_

    void resize(int rows);  // every row reset

    // outputs [B, O] -> v_end [B] mV; spikes appended, sorted by (t, row).
    void step(double t0, const float* outputs, double* v_end, std::vector<Spike>& spikes);

    void save(EngineState& to) const;
    void load(const EngineState& from);

  private:
    std::vector<double> ap_;
    Reading rule_;
    std::vector<float> hazard_;   // [B] gathered, less the spikes
    std::vector<double> t_last_;  // [B] ms
};

// Those from `first` on, by (t, row).
void sort_from(size_t first, std::vector<Spike>& spikes);

}  // namespace ann

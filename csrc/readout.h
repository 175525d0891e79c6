// Raw outputs -> spikes with exact times, and the soma's voltage at the bin's end.
#pragma once
#include <vector>

#include "state.h"
#include "types.h"

namespace ann {

class Readout {
  public:
    explicit Readout(const Spec& spec);

    void resize(int rows);  // every row reset
    void reset();

    // outputs [B, O] -> v_end [B] mV; spikes appended, sorted by (t, row).
    void step(double t0, const float* outputs, double* v_end, std::vector<Spike>& spikes);

    void save(EngineState& to) const;
    void load(const EngineState& from);

    const Waveform& waveform() const { return ap_; }
    double threshold() const { return threshold_; }

  private:
    bool pick(int row, double t0, const float* y);
    double voltage(int row, double t_end, float vm) const;

    Waveform ap_;
    double threshold_, clip_, v_offset_, v_scale_;  // mV
    double hazard_threshold_, refractory_;          // 1, ms
    float kept_;                                    // of the hazard, from bin to bin
    std::vector<float> hazard_;                     // [B] gathered since the last spike
    std::vector<double> t_last_;                    // [B] ms
};

}  // namespace ann

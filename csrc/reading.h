// A row's raw outputs -> its spike and voltage: one rule, with the same bits on host and device.
#pragma once
#include "activations.h"
#include "types.h"

namespace ann {

struct Reading {
    const double* ap;                     // [samples] mV, the AP template
    int samples;                          // 0: no template
    double start, dt;                     // ms, of the template
    double clip, v_offset, v_scale;       // mV
    double hazard_threshold, refractory;  // 1, ms
    float kept;                           // of the hazard, from bin to bin
};

constexpr double never = -1e9;  // ms, the last spike of a row that had none

// ap stays the caller's.
Reading reading_of(const Spec& spec, const std::vector<double>& ap);

// y [O]: raw outputs.
ANN_BOTH inline bool is_finite(const float* y) {
    return y[0] * 0.f + y[1] * 0.f + y[2] * 0.f == 0.f;
}

// Whether a row spikes in the bin that begins at t0, and then when: `last`, ms. The hazard is
// gathered with a leak: a teacher's spike near a bin's edge puts hazard on both sides of it, and
// where its time is uncertain, on many bins. A spike takes the one it stands for away: but for what
// leaks there are as many as the hazard says. Set back to zero instead, a hazard that lasts, as
// under a constant current, makes too few or too many. No more than zero is left: what the
// refractory time heaped up makes no burst. Threshold and memory are calibrated on validation data
// with exactly this rule.
ANN_BOTH inline bool spikes_in(const Reading& r, double t0, const float* y, float& hazard,
                               double& last) {
    const float gathered = hazard * r.kept + sigmoid(y[0]);
    const double t = t0 + static_cast<double>(sigmoid(y[1])) * bin_ms;
    const bool spike =
        static_cast<double>(gathered) >= r.hazard_threshold && t - last >= r.refractory;
    hazard = !spike ? gathered : gathered < 1.f ? gathered - 1.f : 0.f;
    if (spike) last = t;
    return spike;
}

// mV at t_end: the network's own voltage; where it is at the clip, the AP template if the last
// spike's covers t_end.
ANN_BOTH inline double voltage(const Reading& r, double t_end, float vm, double last) {
    const double own = r.v_offset + r.v_scale * static_cast<double>(vm);
    if (own < r.clip) return own;
    const double x = (t_end - last - r.start) / r.dt;  // in samples
    if (!(x >= 0 && x <= r.samples - 1)) return r.clip;
    const int i = static_cast<int>(x), j = i + 1 < r.samples ? i + 1 : i;
    return r.ap[i] + (x - i) * (r.ap[j] - r.ap[i]);
}

}  // namespace ann

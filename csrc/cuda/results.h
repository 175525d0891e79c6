// What the kernel left of a bin, in the host's memory -> what an engine hands out.
#pragma once
#include <vector>

#include "../event_buffer.h"

namespace ann::cuda {

struct Results {
    const double *v, *spike;  // [rows]: step.h
    int rows;
    double t0;  // ms
};

// v_end [rows] mV; spikes appended, sorted by (t, row). Throws NonFiniteError.
void hand_over(const Results& results, const EventBuffer& events, double* v_end,
               std::vector<Spike>& spikes);

}  // namespace ann::cuda

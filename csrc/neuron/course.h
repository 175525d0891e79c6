// The course of a replaced soma's voltage inside the last two bins: linear between the edges, with
// the action potential's shape where the edges are not below the clip.
#pragma once
#include <utility>
#include <vector>

#include "../types.h"

namespace ann {

// An action potential, from where it leaves the clip level to where it meets it again: as its
// template does, or closer to the spike, at an edge where the voltage is below.
struct Peak {
    double spike, from, until;  // ms
    double v_from, v_until;     // mV
};

struct Course {
    double v[3];              // mV at the edges t - 2 bin, t - bin, t
    std::vector<Peak> peaks;  // that reach into them
};

using Knots = std::vector<std::pair<double, double>>;  // ms, mV

// Edges, and the points where an action potential leaves and meets the clip level.
Knots knots(const Course&, double edge);

double voltage(const Course&, const Waveform&, const Knots&, double t);  // mV

// To the next edge: its voltage, and the row's spikes of the bin before it.
void go_on(Course&, double edge, double v, const Waveform&, const std::vector<Spike>&, int row);

}  // namespace ann

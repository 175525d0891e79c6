// From the user's cells to a Model that is ready to run; what a finitialize does first.
#pragma once
#include "model.h"

namespace ann {

struct Prepared {
    Counts counts;
    std::vector<Stranger> strangers;  // not empty: nothing may run
    std::vector<long> per_channel;    // synapses
    size_t nodes;                     // left in NEURON's solver
};

// Parks, maps and hooks `cells`; an empty list restores NEURON entirely.
Prepared prepare(std::vector<Cell> cells, std::vector<Group> groups,
                 std::vector<std::vector<Rule>> rules, Section* anchor);

}  // namespace ann

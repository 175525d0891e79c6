// From the user's cells to a Model that is ready to run; what a finitialize does first.
#pragma once
#include "model.h"

namespace ann {

struct Prepared {
    std::vector<Counts> counts;       // one a cell
    std::vector<Stranger> strangers;  // not empty: nothing may run
    std::string fault;                // of a NetCon; not empty: the same
    long nodes_before, nodes_after;   // in NEURON's solver
};

// Parks, maps and hooks `cells`; without groups NEURON is restored entirely.
Prepared prepare(std::vector<Cell> cells, std::vector<Group> groups, std::vector<Rules> rules,
                 Section* anchor);

// After NEURON has set the voltages: the v of finitialize(v), or NaN if there was none.
double start_voltage();

}  // namespace ann

#pragma once
#include <cstdint>

struct Section;

namespace ann {

// Of what the fingerprint covers, over the tree that `root` belongs to: sections and their
// connections, nseg, L, Ra, and in every segment the parameters of density mechanisms (diam and cm
// are among these) and the reversal potentials that no run computes. Same cell, same digest; states
// and currents do not count.
uint64_t digest(Section* root);

}  // namespace ann

// NetCons onto replaced cells stay the user's: what reads or changes them meets every event landed
// that NEURON would have delivered by then.
#pragma once
#include <string>

#include "nrnapi.h"

namespace ann {

void watch_connections(bool on);

// Connections whose weights something writes at times of its own are NEURON's.
void find_kept();
bool plays_changed();  // since then
bool is_kept(NetCon*);

// Why no event of a NetCon onto a replaced cell can be right; empty: they can.
std::string fault_of(NetCon*);

}  // namespace ann

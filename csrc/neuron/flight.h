// Events on their way to replaced cells that NEURON's queue never sees: they land in their group's
// event list at their own times, in time order, with the weight that they find there.
#pragma once
#include "nrnapi.h"

namespace ann {

// An event of netcon, with its weights, for ports[port] at t (ms). False: too far ahead, it is
// NEURON's.
bool fly(NetCon*, double* weight, double t, int port);

// Lands what NEURON has delivered, or delivers before anything else runs, by `until` (ms).
void land(double until);

long flights();                // so far
void spill();                  // the rest goes to NEURON's queue, and lands from there
void redirect_flights();       // targets or ports are others
void forget_flights();         // at finitialize: NEURON clears its queue too
void forget_flights(NetCon*);  // it is being deleted

}  // namespace ann

// The fan-out of a source's spike to its NetCons, without an event of NEURON's for each that leads
// to a replaced cell. NEURON reaches it through its own virtual call: the sources get a copy of
// their class's table of functions, with send and deliver of ours.
#pragma once
#include "nrnapi.h"

namespace ann {

void adopt_sources();         // their spikes come here
void release_sources();       // all are NEURON's own again
void forget_links();          // where their NetCons lead
void allow_fan_out(bool on);  // off: every event goes through NEURON's queue

// A user's code may run between two events of one time, whose order only the queue knows: all go
// through it, until the next finitialize.
void keep_to_queue();
void follow_callback(PreSyn*);  // NetCon.record was called
void forget_callbacks();

bool fans_out(PreSyn*);  // it has a NetCon onto a replaced cell

// A spike at t (ms) to all NetCons of a source; none is delivered before `now`.
void fan_out(PreSyn*, double t, double now);

double& shared_delay(PreSyn*);  // ms, of all its NetCons where they have one

}  // namespace ann

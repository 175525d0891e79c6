// Where NEURON keeps the fields the coupling needs: found by calibration on known
// objects.
#pragma once
#include <cstddef>
#include <cstring>

#include "nrnapi.h"

namespace ann {

// Byte offsets inside PreSyn, NetCon and the PlayRecord classes; -1 until calibrated.
struct Layout {
    std::ptrdiff_t threshold = -1, variable = -1, section = -1, threshold_item = -1, output = -1;
    std::ptrdiff_t shares_delay = -1, active = -1, callback = -1;
    std::ptrdiff_t recorded = -1, samples = -1, sample_dt = -1, sample_times = -1;
    void *every_step = nullptr, *every_dt = nullptr,
         *at_times = nullptr;                                     // vtables of the recorders
    void** neurons_functions = nullptr;                           // of a PreSyn
    std::vector<void*> functions;                                 // its whole vtable
    std::ptrdiff_t first_function = -1, send = -1, deliver = -1;  // places in it
    bool complete() const;
    bool can_fan_out() const;  // what that needs beyond the rest was found too
};

// The values that calibrate() looks for; its caller gives them to the objects it makes.
constexpr int probe_record_id = 1987654321;
constexpr double probe_sample_dt = 0.3712345678;

Layout& layout();

// Newest objects, in this order: two NetCons onto an artificial cell, the second switched off; a
// NetCon from the accessed section's v(0.5) with record(tvec, idvec, probe_record_id); Vectors
// tvec, idvec, times, by_step, by_dt, by_times, the last three recording that v. Call after
// v_setup_vectors(). Returns false when a field was not found.
bool calibrate();

PreSyn* source_at(double* threshold);  // whose threshold it is

template <class T>
T& field(void* object, std::ptrdiff_t offset) {
    return *reinterpret_cast<T*>(static_cast<char*>(object) + offset);
}

}  // namespace ann

// All cells of one bundle, stepped together: what `_neuron` drives and `_engine` implements.
// It crosses from one module to the other as a PyCapsule, so nothing here needs Python.
#pragma once
#include <cstddef>
#include <vector>

#include "types.h"

// Visible across modules whatever -fvisibility says: the type is caught or called in the other one.
#define ANN_SHARED __attribute__((visibility("default")))

namespace ann {

constexpr const char* population_capsule = "ann_backend.population";

class ANN_SHARED Population {
  public:
    virtual ~Population() = default;

    virtual int rows() const = 0;
    virtual int channels() const = 0;
    virtual const Waveform& waveform() const = 0;
    virtual double threshold() const = 0;  // mV, where a spike's time is defined

    virtual void resize(int rows) = 0;  // keeps nothing: every row is reset
    virtual void reset() = 0;           // every row to the trial's start

    // NEURON's step in ms: events between rows come with the next bin where those of NEURON's queue
    // do, in the last half of the bin's last step.
    virtual void follow_dt(double) {}

    // One bin, [t0, t0 + 1), in two calls: a GPU computes between them, while the caller does other
    // things; the CPU computes in the second. Events may come in any order; none may lie after the
    // bin's end. Throws InputError, and has then begun nothing.
    virtual void launch(double t0, const Event* events, size_t n) = 0;
    // The results of the bin that was launched, once: v_end [B] receives the soma's voltage at
    // t0 + 1; spikes are appended, sorted by (t, row). Throws NonFiniteError (then: reset).
    virtual void collect(double* v_end, std::vector<Spike>& spikes) = 0;

    void step(double t0, const Event* events, size_t n, double* v_end, std::vector<Spike>& spikes) {
        launch(t0, events, n);
        collect(v_end, spikes);
    }
};

}  // namespace ann

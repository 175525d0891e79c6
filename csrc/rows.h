// Events -> spikes and voltages, for all rows of a bundle: the interface of a backend.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "event_buffer.h"
#include "state.h"
#include "types.h"

namespace ann {

// Where a GPU keeps an array, as __cuda_array_interface__ and DLPack tell it.
struct DeviceArray {
    const void* data;
    const char* type;                    // "<f4", "<f8"
    std::vector<size_t> shape, strides;  // strides in bytes
    int device = -1;                     // a GPU's number; -1: the host
};

class Rows {
  public:
    virtual ~Rows() = default;
    virtual void resize(int rows) = 0;  // every row reset; what was launched never comes

    // One bin [t0, t0 + 1) ms: its events, which stay as they are until `collect`. Between the two
    // a GPU computes; the CPU does so in the second.
    virtual void launch(double t0, EventBuffer& events) = 0;
    // v_end [B] mV; spikes appended, sorted by (t, row). Throws NonFiniteError.
    virtual void collect(EventBuffer& events, double* v_end, std::vector<Spike>& spikes) = 0;

    // Raw, [B, O] = (hazard logit, offset logit, scaled Vm), of the bin last collected.
    virtual std::vector<float> outputs() = 0;

    // Of all rows: network, hazard, last_spike; the state's sizes are these rows'.
    virtual void save(EngineState& to) = 0;
    virtual void load(const EngineState& from) = 0;

    // One of cuda/arrays.h, until the next resize; on the CPU an InputError.
    virtual DeviceArray on_device(const std::string& name) const;
};

// How rows are computed.
struct Backend {
    std::string name;     // "cpu" or "cuda"
    std::string variant;  // cpu/variants.h, cuda/rows.h, cuda/host.h; empty: the fastest
    int threads = 1;
};

// Throws InputError, DeviceError.
std::unique_ptr<Rows> make_rows(const Backend& backend, const Spec& spec);

}  // namespace ann

// Events -> raw outputs: traces, branch units, mix, LSTM over time, heads. The interface of a
// backend.
#pragma once
#include <memory>
#include <string>

#include "event_buffer.h"
#include "state.h"
#include "types.h"

namespace ann {

class Network {
  public:
    virtual ~Network() = default;
    virtual void resize(int rows) = 0;  // every row reset
    virtual void reset() = 0;           // state to zero: the trial's start
    // One bin: its events, which stay as they are until `collect`, -> outputs [B, O] = (hazard
    // logit, offset logit, scaled Vm). Between the two a device computes; the CPU does so in the
    // second.
    virtual void launch(EventBuffer&) {}
    virtual void collect(EventBuffer& events, float* outputs) = 0;

    // Of all rows; the state's sizes are this network's.
    virtual void save(NetworkState& to) = 0;
    virtual void load(const NetworkState& from) = 0;
};

// How a network is computed.
struct Backend {
    std::string name;     // "cpu" or "cuda"
    std::string variant;  // cpu/variants.h, cuda/network.h, cuda/host.h; empty: the fastest
    int threads = 1;
};

// Throws InputError, DeviceError.
std::unique_ptr<Network> make_network(const Backend& backend, const Spec& spec);

}  // namespace ann

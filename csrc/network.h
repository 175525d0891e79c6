// Events -> raw outputs on the CPU: traces, branch units, mix, LSTM over time, heads.
#pragma once
#include "event_buffer.h"
#include "state.h"
#include "types.h"

namespace ann {

class Network {
  public:
    virtual ~Network() = default;
    virtual void resize(int rows) = 0;  // every row reset
    // One bin: its events -> outputs [B, O] = (hazard logit, offset logit, scaled Vm).
    virtual void step(EventBuffer& events, float* outputs) = 0;

    // Of all rows; the state's sizes are this network's.
    virtual void save(NetworkState& to) = 0;
    virtual void load(const NetworkState& from) = 0;
};

}  // namespace ann

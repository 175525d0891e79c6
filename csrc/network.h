// Traces -> raw outputs: branch units, mix, LSTM over time, heads. The interface of a backend.
#pragma once
#include <memory>
#include <string>

#include "types.h"

namespace ann {

class Network {
  public:
    virtual ~Network() = default;
    virtual void resize(int rows) = 0;  // every row reset
    virtual void reset() = 0;           // state to zero: the trial's start
    // One bin: traces [B, G*K] -> outputs [B, O] = (hazard logit, offset logit, scaled Vm).
    virtual void step(const float* traces, float* outputs) = 0;
};

// backend: "cpu". "cuda" is refused until its kernels exist. Throws InputError.
std::unique_ptr<Network> make_network(const std::string& backend, const Spec& spec);

}  // namespace ann

// The network on the CPU, by a kernel compiled for its instruction set, block by block of rows.
#pragma once
#include "../network.h"
#include "kernel.h"
#include "packed.h"
#include "pool.h"

namespace ann::cpu {

class Network final : public ann::Network {
  public:
    Network(const Spec& spec, const Kernel& kernel, int threads);
    void resize(int rows) override;
    void step(EventBuffer& events, float* outputs) override;
    void save(NetworkState& to) override { ann::save(kept(), to); }
    void load(const NetworkState& from) override { ann::load(kept(), from); }

  private:
    Kept kept() const;
    void step_block(EventBuffer& events, float* outputs, int block, int thread);

    Packed packed_;
    const Kernel& kernel_;
    Pool pool_;
    int rows_ = 0, block_ = 1;  // block: rows of one
    size_t scratch_size_ = 0;
    int newest_ = 0;                  // slot of the history that holds the current bin
    Aligned<float> history_, state_;  // [B, W, traces], [B, state]
    Aligned<float> scratch_;          // [threads, scratch_size_]
};

}  // namespace ann::cpu

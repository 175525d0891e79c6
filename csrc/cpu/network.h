// The network on the CPU in plain loops: the reference that every faster variant is tested against.
#pragma once
#include <vector>

#include "../network.h"

namespace ann::cpu {

class Network final : public ann::Network {
  public:
    explicit Network(const Spec& spec);
    void resize(int rows) override;
    void reset() override;
    void step(const float* traces, float* outputs) override;

  private:
    void step_row(const float* traces, float* history, float* lstm, float* outputs);

    Spec s_;
    int rows_ = 0;
    int newest_ = 0;                       // slot of the history that holds the current bin
    std::vector<float> history_;           // [B, W, G*K]: a ring over W
    std::vector<float> lstm_;              // [B, L, 2, H]: h, c
    std::vector<float> branches_, mixed_;  // scratch: [N*U], [P]
    std::vector<float> gates_, hidden_;    // scratch: [4H], [M]
};

}  // namespace ann::cpu

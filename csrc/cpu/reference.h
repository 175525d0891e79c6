// The network on the CPU in plain loops: the reference that every faster variant is tested against,
// and what runs where there is none.
#pragma once
#include <vector>

#include "../network.h"

namespace ann::cpu {

class Reference final : public ann::Network {
  public:
    explicit Reference(const Spec& spec);
    void resize(int rows) override;
    void step(EventBuffer& events, float* outputs) override;
    void save(NetworkState& to) override { ann::save(kept(), to); }
    void load(const NetworkState& from) override { ann::load(kept(), from); }

  private:
    Kept kept();
    void decay(float* traces) const;
    void add(const RowEvent& event, float* traces) const;
    void run(const float* history, int row, float* outputs);
    void solve_tree(float* v, float* open);

    Spec s_;
    std::vector<float> loss_;  // [G*K]: 1 - exp(-bin / tau)
    int rows_ = 0;
    int newest_ = 0;                     // slot of the history that holds the current bin
    std::vector<float> history_;         // [B, W, G*K]: traces, a ring over W
    std::vector<float> lstm_;            // [B, L, 2, H]: h, c
    std::vector<float> v_, open_;        // [B, N], [B, N*U]: a tree's voltages and gates
    std::vector<float> branches_, own_;  // scratch: [N*U], [N]
    std::vector<float> mixed_;           // scratch: [P]
    std::vector<float> gates_, hidden_;  // scratch: [4H], [M]
};

}  // namespace ann::cpu

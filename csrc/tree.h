// A reduced cable: branches that hang on each other, each with conductances that open and close.
// csrc/README.md tells one bin of it.
#pragma once
#include <vector>

namespace ann {

struct Tree {
    std::vector<int> parents;  // [N]: an earlier branch each, -1 for the root, 0. Empty: no tree

    std::vector<float> slope, bias, rate;  // [N, U]: of the gates; the part that a bin moves them
    std::vector<float> slope_m, bias_m;    // [N, U]: of the activation, which has no memory
    std::vector<float> reversal;           // [N, U]
    std::vector<float> kept, own;          // [N]: charge of the bin before; that and the leak
    std::vector<float> axial, current;     // [N]: conductance to the parent; a constant current

    explicit operator bool() const { return !parents.empty(); }
};

// Throws InputError unless every parent comes first and the system has one solution.
void check(const Tree& tree, int N);

}  // namespace ann

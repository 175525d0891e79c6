#include "tree.h"

#include <string>

#include "errors.h"

namespace ann {
namespace {

template <class Fine>
void check_each(const std::vector<float>& values, const Fine& fine, const char* wanted) {
    for (float value : values)
        if (!fine(value))
            throw InputError(std::string("expected ") + wanted + ", got " + written(value));
}

void check_parent(int n, int parent) {
    if (n ? parent >= 0 && parent < n : parent == -1) return;
    throw InputError("expected the parent of branch " + std::to_string(n) + " to be " +
                     (n ? "in 0 .. " + std::to_string(n - 1) : "-1") + ", got " +
                     std::to_string(parent));
}

}  // namespace

void check(const Tree& tree, int N) {
    if (static_cast<int>(tree.parents.size()) != N)
        throw InputError("expected a parent for each of " + std::to_string(N) +
                         " branches, or none, got " + std::to_string(tree.parents.size()));
    for (int n = 0; n < N; ++n) check_parent(n, tree.parents[n]);
    const auto not_negative = [](float x) { return x >= 0.f; };
    check_each(tree.rate, [](float x) { return x > 0.f && x <= 1.f; }, "0 < gate[2] <= 1");
    check_each(tree.kept, not_negative, "cable[0] >= 0");
    check_each(tree.own, [](float x) { return x > 0.f; }, "cable[1] > 0");
    check_each(tree.axial, not_negative, "cable[2] >= 0");
    check_each({tree.axial[0]}, [](float x) { return x == 0.f; }, "cable[2] = 0 of the root");
}

}  // namespace ann

// The solution of a row's tree, by one thread.
#pragma once
#include "number.h"

namespace ann::cuda {

// From the leaves to the root, then back (cpu/tree.h): `own` [N] is what each branch has of its
// own; what flows in, v [N], becomes voltages.
ANN_BOTH inline void solve(const int* parents, const float* axial, int N, float* own, float* v) {
    for (int n = N - 1; n > 0; --n) {
        const int parent = parents[n];
        const Real part = Real(1.f) / (Real(own[n]) + Real(axial[n]));
        const Real share = Real(axial[n]) * part;
        own[parent] = fused(share, Real(own[n]), Real(own[parent])).value;
        v[parent] = fused(share, Real(v[n]), Real(v[parent])).value;
        own[n] = share.value;
        v[n] = (Real(v[n]) * part).value;
    }
    v[0] = (Real(v[0]) / Real(own[0])).value;
    for (int n = 1; n < N; ++n) v[n] = fused(Real(own[n]), Real(v[parents[n]]), Real(v[n])).value;
}

}  // namespace ann::cuda

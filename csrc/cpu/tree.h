// Stage 5: branch units as conductances of a tree of branches -> the branches' voltages.
#pragma once
#include "../activations.h"
#include "packed.h"
#include "simd.h"

namespace ann::cpu {
namespace {

struct TreeRows {
    float* u;       // [rows, wide]: units, then voltages [N]
    float* inflow;  // scratch: [vectors * V]
    float* v;       // [rows, N], in place; rows lie `stride` apart, as those of gates
    float* gates;   // [rows, vectors * V], in place: how open each unit is
    int wide, stride;
};

// Moves gates by a bin. What is a quad's own, and what flows into it, goes to the first row of u
// and to inflow: rows in lanes from here on, up to four of them.
template <int rows>
inline void conductances(const Packed& p, const TreeRows& s) {
    const float* w = p.tree.units.data;
    for (int at = 0; at < p.vectors * lanes; at += lanes, w += 9 * lanes) {
        const int* branch = p.tree.branch_of.data + at / 4;
        const Vec slope = load(w), bias = load(w + lanes), rate = load(w + 2 * lanes);
        const Vec reversal = load(w + 3 * lanes), fixed = load(w + 4 * lanes);
        const Vec kept = load(w + 5 * lanes), current = load(w + 6 * lanes);
        const Vec slope_m = load(w + 7 * lanes), bias_m = load(w + 8 * lanes);
        Vec own[rows], inflow[rows];
        for (int r = 0; r < rows; ++r) {
            float* gate = s.gates + r * s.stride + at;
            const Vec v = spread<0>(load_quads(s.v + r * s.stride, branch));
            const Vec power = exp2(fused(slope, v, bias));
            const Vec wanted = Vec(1.f) / (Vec(1.f) + power), before = load(gate);
            const Vec open = fused(rate, wanted - before, before);
            const Vec closed = Vec(1.f) + exp2(fused(slope_m, v, bias_m));
            const Vec g = load(s.u + r * s.wide + at) * open / closed;
            store(gate, open);
            own[r] = g + fixed;
            inflow[r] = fused(reversal, g, fused(kept, v, current));
        }
        const auto in_lanes = [](const Vec* of) {  // fewer rows repeat
            return quad_sums(of[0], of[1 % rows], of[2 % rows], of[3 % rows]);
        };
        store(s.u + at, in_lanes(own));
        store(s.inflow + at, in_lanes(inflow));
    }
}

// From the leaves to the root, without a difference: to its parent, a branch is `share` of what is
// its own, which lies behind its axial conductance. Then voltages, from the root.
inline void solve(const Tree& t, float* own, float* inflow) {
    for (int n = t.N - 1; n >= 0; --n) {
        float *of_own = own + n * t.U4, *of_in = inflow + n * t.U4;
        Quad mine = load4(of_own), in = load4(of_in);
        for (int i = 4; i < t.U4; i += 4) {
            mine = mine + load4(of_own + i);
            in = in + load4(of_in + i);
        }
        const Quad axial(t.axial.data[n]), part = Quad(1.f) / (mine + axial), share = axial * part;
        store4(of_own, share);
        store4(of_in, in * part);
        if (n == 0) break;
        const int parent = t.parents.data[n] * t.U4;
        store4(own + parent, fused(share, mine, load4(own + parent)));
        store4(inflow + parent, fused(share, in, load4(inflow + parent)));
    }
    for (int n = 1; n < t.N; ++n) {
        float* v = inflow + n * t.U4;
        store4(v, fused(load4(own + n * t.U4), load4(inflow + t.parents.data[n] * t.U4), load4(v)));
    }
}

template <int rows>
inline void tree_voltages(const Packed& p, const TreeRows& s) {
    conductances<rows>(p, s);
    solve(p.tree, s.u, s.inflow);
    for (int r = 0; r < rows; ++r)
        for (int n = 0; n < p.tree.N; ++n)
            s.v[r * s.stride + n] = s.u[r * s.wide + n] = s.inflow[n * p.tree.U4 + r];
}

}  // namespace
}  // namespace ann::cpu

#include "cpu/packed.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "activations.h"

namespace ann::cpu {
namespace {

int filled_up(int n, int multiple) {
    return (n + multiple - 1) / multiple * multiple;
}

// row_of[i]: the row of w [., out] that input i has, or -1: an input that is always zero.
Dense pack_dense(const std::vector<float>& w, const std::vector<float>& bias, int out,
                 const std::vector<int>& row_of, int V) {
    const int in = static_cast<int>(row_of.size()), wide = 2 * V;
    Dense d{in, filled_up(out, wide) / wide, {}, {}};
    d.w.assign(static_cast<size_t>(d.panels) * in * wide);
    d.bias.assign(static_cast<size_t>(d.panels) * wide);
    for (int o = 0; o < out; ++o) {
        const int panel = o / wide, lane = o % wide;
        d.bias.data[o] = bias[o];
        for (int i = 0; i < in; ++i)
            if (row_of[i] >= 0)
                d.w.data[(static_cast<size_t>(panel) * in + i) * wide + lane] =
                    w[static_cast<size_t>(row_of[i]) * out + o];
    }
    return d;
}

Dense pack_lstm(const LstmLayer& layer, int H, const std::vector<int>& row_of, int V) {
    const float factor[4] = {-log2_e, -log2_e, 2.f * log2_e, -log2_e};  // i, f, g, o
    const int x = static_cast<int>(row_of.size()), tiles = filled_up(H, V) / V;
    Dense p{x + H, 2 * tiles, {}, {}};
    p.w.assign(static_cast<size_t>(tiles) * p.in * 4 * V);
    p.bias.assign(static_cast<size_t>(tiles) * 4 * V);
    for (int unit = 0; unit < H; ++unit)
        for (int gate = 0; gate < 4; ++gate) {
            const int column = gate * H + unit, lane = gate % 2 * V + unit % V;
            const size_t panel = unit / V * 2 + gate / 2;
            p.bias.data[panel * 2 * V + lane] = factor[gate] * layer.bias[column];
            float* w = p.w.data + panel * p.in * 2 * V + lane;
            for (int i = 0; i < x; ++i, w += 2 * V)
                if (row_of[i] >= 0)
                    *w = factor[gate] * layer.wx[static_cast<size_t>(row_of[i]) * 4 * H + column];
            for (int i = 0; i < H; ++i, w += 2 * V)
                *w = factor[gate] * layer.wh[static_cast<size_t>(i) * 4 * H + column];
        }
    return p;
}

std::vector<int> counted(int n) {
    std::vector<int> rows(n);
    for (int i = 0; i < n; ++i) rows[i] = i;
    return rows;
}

// V by V lanes: -log2(e) / tau, then 1; both 0 in the lanes beyond K.
void pack_rates(const std::vector<std::vector<float>>& clocks, const Packed& p,
                std::vector<float>& rates) {
    const size_t start = rates.size();
    const int lanes = filled_up(p.K4 * static_cast<int>(clocks.size()), p.V);
    rates.resize(start + 2 * static_cast<size_t>(lanes));
    for (size_t clock = 0; clock < clocks.size(); ++clock)
        for (size_t k = 0; k < clocks[clock].size(); ++k) {
            const size_t lane = clock * p.K4 + k;
            float* rate = rates.data() + start + lane / p.V * 2 * p.V + lane % p.V;
            rate[0] = -log2_e / clocks[clock][k];
            rate[p.V] = 1.f;
        }
}

void pack_embedding(const Spec& s, Packed& p) {
    std::vector<Channel> channels;
    std::vector<Target> targets;
    std::vector<float> rates;
    std::map<std::vector<std::vector<float>>, int> found;  // clocks -> where their rates start
    for (int c = 0; c < s.C; ++c) {
        std::vector<std::vector<float>> clocks;  // their time constants
        Channel channel{static_cast<int>(targets.size()), 0, 0, 0};
        for (int g = 0; g < s.G; ++g) {
            const float gain = s.embedding[static_cast<size_t>(c) * s.G + g];
            if (gain == 0.f) continue;
            const std::vector<float> tau(s.tau.begin() + g * s.K, s.tau.begin() + (g + 1) * s.K);
            const size_t clock = std::find(clocks.begin(), clocks.end(), tau) - clocks.begin();
            if (clock == clocks.size()) clocks.push_back(tau);
            targets.push_back({g * s.K, p.K4 * static_cast<int>(clock), gain});
        }
        channel.last = static_cast<int>(targets.size());
        channel.clocks = filled_up(p.K4 * static_cast<int>(clocks.size()), p.V);
        const auto [known, is_new] = found.emplace(clocks, static_cast<int>(rates.size()));
        channel.rates = known->second;
        if (is_new) pack_rates(clocks, p, rates);
        p.faded = std::max(p.faded, channel.clocks);
        channels.push_back(channel);
    }
    p.channels.assign(channels);
    p.targets.assign(targets);
    p.rates.assign(rates);
    p.loss.assign(p.traces);
    for (size_t i = 0; i < s.tau.size(); ++i)
        p.loss.data[i] = static_cast<float>(-std::expm1(-bin_ms / s.tau[i]));
}

void pack_branches(const Spec& s, int U4, Packed& p) {
    const int quads = s.N * U4 / 4, RK = s.R * s.K;
    p.inputs = filled_up(RK, 4);
    p.vectors = filled_up(quads, p.V / 4) / (p.V / 4);
    p.quad_at.assign(static_cast<size_t>(p.vectors) * p.V / 4);
    for (int q = 0; q < quads; ++q) p.quad_at.data[q] = q * 4 / U4 * RK;
    p.branch_w.assign(static_cast<size_t>(p.vectors) * s.W * p.inputs * p.V);
    p.branch_b.assign(static_cast<size_t>(p.vectors) * p.V);
    for (int b = 0; b < s.N; ++b)
        for (int u = 0; u < s.U; ++u) {
            const int at = b * U4 + u, vector = at / p.V, lane = at % p.V;
            p.branch_b.data[at] = s.branch_b[b * s.U + u];
            for (int j = 0; j < s.W; ++j)
                for (int i = 0; i < RK; ++i)
                    p.branch_w.data[((static_cast<size_t>(vector) * s.W + j) * p.inputs + i) * p.V +
                                    lane] =
                        s.branch_w[((static_cast<size_t>(j) * s.N + b) * RK + i) * s.U + u];
        }
}

void pack_tree(const Spec& s, int U4, Packed& p) {
    const ann::Tree& from = s.tree;
    p.tree.N = s.N, p.tree.U4 = U4;
    p.tree.parents.assign(from.parents);
    p.tree.axial.assign(from.axial);
    p.tree.branch_of.assign(static_cast<size_t>(p.vectors) * p.V / 4);
    p.tree.units.assign(static_cast<size_t>(p.vectors) * 9 * p.V);
    const auto unit = [&p](int at, int plane) -> float& {
        return p.tree.units.data[(at / p.V * 9 + plane) * p.V + at % p.V];
    };
    for (int b = 0; b < s.N; ++b) {
        unit(b * U4, 4) = from.own[b], unit(b * U4, 5) = from.kept[b];
        unit(b * U4, 6) = from.current[b];
        for (int u = 0; u < U4; u += 4) p.tree.branch_of.data[(b * U4 + u) / 4] = b;
        for (int u = 0; u < s.U; ++u) {
            const int i = b * s.U + u, at = b * U4 + u;
            unit(at, 0) = -log2_e * from.slope[i], unit(at, 1) = -log2_e * from.bias[i];
            unit(at, 2) = from.rate[i], unit(at, 3) = from.reversal[i];
            unit(at, 7) = -log2_e * from.slope_m[i], unit(at, 8) = -log2_e * from.bias_m[i];
            p.start.data[p.gates_at + at] = sigmoid(from.bias[i]);
        }
    }
}

}  // namespace

Packed::Packed(const Spec& s, int lanes)
    : V(lanes), W(s.W), L(s.L), H(s.H), K4(filled_up(s.K, 4)), faded(0), has_mix(s.P > 0) {
    traces = filled_up(s.G * s.K + 3, V);  // a quad may reach three floats beyond the last trace
    hidden = filled_up(H, V);
    pack_embedding(s, *this);
    const int U4 = filled_up(s.U, 4);
    pack_branches(s, U4, *this);
    units = s.N * U4;
    v_at = L * 2 * hidden;
    gates_at = v_at + filled_up(s.N, V);
    state = s.tree ? gates_at + vectors * V : v_at;
    start.assign(state);
    if (s.tree) pack_tree(s, U4, *this);

    std::vector<int> feature(units, -1);
    for (int b = 0; b < s.N; ++b)
        for (int u = 0; u < s.U; ++u) feature[b * U4 + u] = b * s.U + u;
    if (s.tree) feature = counted(s.N);
    if (has_mix) {
        mix = pack_dense(s.mix_w, s.mix_b, s.P, feature, V);
        feature = counted(s.P);
    }
    for (const LstmLayer& layer : s.lstm) {
        lstm.push_back(pack_lstm(layer, H, feature, V));
        feature = counted(H);
    }
    head1 = pack_dense(s.head_w1, s.head_b1, s.M, counted(H), V);
    head2 = pack_dense(s.head_w2, s.head_b2, O, counted(s.M), V);

    wide = std::max({vectors * V, hidden, head1.panels * 2 * V, has_mix ? mix.panels * 2 * V : 0});
    for (const Dense& layer : lstm) wide = std::max(wide, filled_up(layer.in - H, V) + hidden);
    if (wide / V % 2 == 0) wide += V;  // lest rows crowd a part of the cache
    scratch = 2 * wide + 4 * V;
    spare = 4 * hidden + faded;
}

}  // namespace ann::cpu

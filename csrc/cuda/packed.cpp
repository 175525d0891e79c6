#include "cuda/packed.h"

#include <cmath>

#include "errors.h"

namespace ann::cuda {
namespace {

// Appends an empty matrix of `in` inputs and `panels` panels.
template <class Number>
Dense new_dense(Packed<Number>& p, int in, int panels, int columns) {
    const Dense d{in, panels, columns, p.weights.size(), p.biases.size()};
    p.weights.resize(d.at + static_cast<size_t>(panels) * in * stride_of(columns));
    p.biases.resize(d.bias + static_cast<size_t>(panels) * tile * columns);
    return d;
}

template <class Number>
void put_weight(Packed<Number>& p, const Dense& d, int panel, int in, int column, float w) {
    const size_t row = static_cast<size_t>(panel) * d.in + in;
    p.weights[d.at + row * stride_of(d.columns) + column] = as<Number>(w);
}

template <class Number>
void put_bias(Packed<Number>& p, const Dense& d, int panel, int column, float bias) {
    for (int row = 0; row < tile; ++row)
        p.biases[d.bias + (static_cast<size_t>(panel) * tile + row) * d.columns + column] = bias;
}

template <class Number>
Dense pack_dense(Packed<Number>& p, const std::vector<float>& w, const std::vector<float>& bias,
                 int in, int out) {
    const Dense d = new_dense(p, filled_up(in, tile), filled_up(out, tile) / tile, tile);
    for (int o = 0; o < out; ++o) {
        put_bias(p, d, o / tile, o % tile, bias[o]);
        for (int i = 0; i < in; ++i)
            put_weight(p, d, o / tile, i, o % tile, w[static_cast<size_t>(i) * out + o]);
    }
    return d;
}

// A panel holds the four gates of one tile of units side by side; inputs are x, then h, each
// filled up. The weights carry the factors that lstm_cell expects (activations.h).
template <class Number>
Dense pack_lstm(Packed<Number>& p, const LstmLayer& layer, int in, int H) {
    const float factor[gates] = {-log2_e, -log2_e, 2.f * log2_e, -log2_e};  // i, f, g, o
    const int x = filled_up(in, tile), H16 = filled_up(H, tile);
    const Dense d = new_dense(p, x + H16, H16 / tile, gates * tile);
    for (int unit = 0; unit < H; ++unit)
        for (int gate = 0; gate < gates; ++gate) {
            const int panel = unit / tile, column = gate * tile + unit % tile;
            const size_t from = static_cast<size_t>(gate) * H + unit, width = 4 * size_t(H);
            put_bias(p, d, panel, column, factor[gate] * layer.bias[from]);
            for (int i = 0; i < in; ++i)
                put_weight(p, d, panel, i, column, factor[gate] * layer.wx[i * width + from]);
            for (int i = 0; i < H; ++i)
                put_weight(p, d, panel, x + i, column, factor[gate] * layer.wh[i * width + from]);
        }
    return d;
}

template <class Number>
void pack_traces(Packed<Number>& p, const Spec& s) {
    for (float tau : s.tau) {
        p.loss.push_back(static_cast<float>(-std::expm1(-bin_ms / tau)));
        p.rates.push_back(-log2_e / tau);
    }
    p.first.push_back(0);
    for (int c = 0; c < s.C; ++c) {
        for (int g = 0; g < s.G; ++g) {
            const float gain = s.embedding[static_cast<size_t>(c) * s.G + g];
            if (gain != 0.f) p.targets.push_back({g * s.K, gain});
        }
        p.first.push_back(static_cast<int>(p.targets.size()));
    }
}

// [W, N, RK, U] -> [W, RK, N * U], so that neighbouring threads read neighbouring weights.
template <class Number>
void pack_branches(Packed<Number>& p, const Spec& s) {
    const int RK = s.R * s.K;
    for (int j = 0; j < s.W; ++j)
        for (int i = 0; i < RK; ++i)
            for (int b = 0; b < s.N; ++b)
                for (int u = 0; u < s.U; ++u)
                    p.branch_w.push_back(
                        s.branch_w[((static_cast<size_t>(j) * s.N + b) * RK + i) * s.U + u]);
    p.branch_b = s.branch_b;
}

template <class Number>
void pack_tree(Packed<Number>& p, const Tree& t) {
    const auto append = [](std::vector<float>& to, const std::vector<float>& from, float factor) {
        for (float x : from) to.push_back(factor * x);
    };
    append(p.tree_units, t.slope, -log2_e);
    append(p.tree_units, t.bias, -log2_e);
    append(p.tree_units, t.rate, 1.f);
    append(p.tree_units, t.reversal, 1.f);
    append(p.tree_units, t.slope_m, -log2_e);
    append(p.tree_units, t.bias_m, -log2_e);
    for (float bias : t.bias) p.tree_units.push_back(sigmoid(bias));
    for (const auto* plane : {&t.kept, &t.own, &t.axial, &t.current}) append(p.cable, *plane, 1.f);
    p.parents = t.parents;
}

}  // namespace

template <class Number>
Packed<Number>::Packed(const Spec& s) : sizes{} {
    if (s.L > most_layers)
        throw InputError("backend 'cuda' expects at most " + std::to_string(most_layers) +
                         " LSTM layers, got " + std::to_string(s.L) + "; use backend='cpu'");
    const int units = s.N * s.U;
    sizes.K = s.K, sizes.GK = s.G * s.K, sizes.W = s.W, sizes.U = s.U, sizes.RK = s.R * s.K;
    sizes.L = s.L, sizes.H = s.H, sizes.H16 = filled_up(s.H, tile), sizes.M = s.M,
    sizes.units = units;
    sizes.D16 = filled_up(s.D, tile), sizes.N = static_cast<int>(s.tree.parents.size());
    sizes.state = s.L * 2 * sizes.H16 + (s.tree ? filled_up(s.N + units, tile) : 0);
    sizes.P16 = filled_up(s.P, tile), sizes.M16 = filled_up(s.M, tile);
    pack_traces(*this, s);
    pack_branches(*this, s);
    pack_tree(*this, s.tree);
    for (int l = 0; l < s.L; ++l) sizes.lstm[l] = pack_lstm(*this, s.lstm[l], l ? s.H : s.F, s.H);
    sizes.head1 = pack_dense(*this, s.head_w1, s.head_b1, s.H, s.M);
    sizes.n_without_mix = weights.size();
    if (s.P) sizes.mix = pack_dense(*this, s.mix_w, s.mix_b, s.D, s.P);
    sizes.n_weights = weights.size();
    head_w2 = s.head_w2;
    head_b2 = s.head_b2;
    ap = s.ap.v;
    sizes.reading = reading_of(s, ap);
}

template <class Number>
View<Number> Packed<Number>::view() const {
    View<Number> v = sizes;
    v.loss = loss.data(), v.rates = rates.data();
    v.first = first.data(), v.targets = targets.data();
    v.branch_w = branch_w.data(), v.branch_b = branch_b.data();
    v.parents = parents.data(), v.tree_units = tree_units.data(), v.cable = cable.data();
    v.head_w2 = head_w2.data(), v.head_b2 = head_b2.data();
    v.biases = biases.data(), v.weights = weights.data();
    v.reading.ap = ap.data();
    return v;
}

template <class Number>
std::vector<float> Packed<Number>::gates_at_reset() const {
    if (tree_units.empty()) return {};
    return {tree_units.end() - sizes.units, tree_units.end()};
}

template struct Packed<float>;
template struct Packed<Bf16>;

}  // namespace ann::cuda

#include "cpu/reference.h"

#include <algorithm>
#include <cmath>

#include "activations.h"

namespace ann::cpu {
namespace {

float tanh(float x) {
    const Power<float> e = split_exp2(2.f * log2_e * x, 40.f);
    const float minus_one = e.scale * e.rest + (e.scale - 1.f);  // e^2x - 1, never cancelled
    return minus_one / (minus_one + 2.f);
}

// y [n_out] += x [n_in] @ w [n_in, n_out], summed over inputs in their order. Four inputs a pass
// keep y in registers longer; the order of the additions into one output stays 0, 1, 2, ...
void accumulate(const float* __restrict x, int n_in, const float* __restrict w, int n_out,
                float* __restrict y) {
    int i = 0;
    for (; i + 4 <= n_in; i += 4, w += 4 * n_out) {
        const float x0 = x[i], x1 = x[i + 1], x2 = x[i + 2], x3 = x[i + 3];
        const float *w0 = w, *w1 = w + n_out, *w2 = w + 2 * n_out, *w3 = w + 3 * n_out;
        for (int o = 0; o < n_out; ++o)
            y[o] = (((y[o] + x0 * w0[o]) + x1 * w1[o]) + x2 * w2[o]) + x3 * w3[o];
    }
    for (; i < n_in; ++i, w += n_out)
        for (int o = 0; o < n_out; ++o) y[o] += x[i] * w[o];
}

void relu(float* x, int n) {
    for (int i = 0; i < n; ++i) x[i] = x[i] < 0.f ? 0.f : x[i];  // NaN stays NaN
}

// Gates [4H] in torch's order i, f, g, o; h and c [H] in place.
void update(const float* __restrict gates, int H, float* __restrict h, float* __restrict c) {
    for (int j = 0; j < H; ++j) {
        const float in = sigmoid(gates[j]);
        const float forget = sigmoid(gates[H + j]);
        const float cell = tanh(gates[2 * H + j]);
        const float out = sigmoid(gates[3 * H + j]);
        c[j] = forget * c[j] + in * cell;
        h[j] = out * tanh(c[j]);
    }
}

}  // namespace

Reference::Reference(const Spec& spec)
    : s_(spec),
      branches_(static_cast<size_t>(spec.N) * spec.U),
      own_(spec.N),
      mixed_(spec.P),
      gates_(4 * static_cast<size_t>(spec.H)),
      hidden_(spec.M) {
    for (float tau : spec.tau) loss_.push_back(static_cast<float>(-std::expm1(-bin_ms / tau)));
}

void Reference::resize(int rows) {
    rows_ = rows;
    newest_ = 0;
    history_.assign(static_cast<size_t>(rows) * s_.W * s_.G * s_.K, 0.f);
    lstm_.assign(static_cast<size_t>(rows) * s_.L * 2 * s_.H, 0.f);
    v_.assign(rows * s_.tree.parents.size(), 0.f);
    open_.clear();
    for (int row = 0; row < rows; ++row)
        for (float bias : s_.tree.bias) open_.push_back(sigmoid(bias));
}

Kept Reference::kept() {
    const size_t bin = size_t(s_.G) * size_t(s_.K), H = size_t(s_.H), N = size_t(s_.N);
    return {history_.data(),
            bin * size_t(s_.W),
            bin,
            newest_,
            lstm_.data(),
            2 * H * size_t(s_.L),
            H,
            v_.data(),
            N,
            open_.data(),
            N * size_t(s_.U),
            size_t(s_.U),
            nullptr};
}

void Reference::step(EventBuffer& events, float* outputs) {
    events.sort(0, rows_);
    const size_t GK = static_cast<size_t>(s_.G) * s_.K;
    const int before = newest_;
    newest_ = (newest_ + 1) % s_.W;
    for (int row = 0; row < rows_; ++row) {
        float* history = history_.data() + row * s_.W * GK;
        float* traces = history + newest_ * GK;
        std::copy_n(history + before * GK, GK, traces);
        decay(traces);
        for (size_t i = events.first()[row]; i < events.first()[row + 1]; ++i)
            add(events.events()[i], traces);
        run(history, row, outputs + static_cast<size_t>(row) * O);
    }
}

void Reference::decay(float* a) const {
    for (size_t i = 0; i < loss_.size(); ++i) {
        a[i] -= a[i] * loss_[i];  // a rounded exp(-bin / tau) would bias slow traces by tau ulps
        if (std::fabs(a[i]) < 1e-25f) a[i] = 0.f;  // before denormals slow silent rows down
    }
}

void Reference::add(const RowEvent& event, float* traces) const {
    const float* embedding = s_.embedding.data() + static_cast<size_t>(event.channel) * s_.G;
    for (int g = 0; g < s_.G; ++g) {
        if (embedding[g] == 0.f) continue;
        const float* tau = s_.tau.data() + g * s_.K;
        float* a = traces + g * s_.K;
        const float size = embedding[g] * event.weight;
        for (int k = 0; k < s_.K; ++k) a[k] += size * exp2(-log2_e / tau[k] * event.age);
    }
}

// Units become conductances; v [N] and open [N*U], the row's, are of the bin before, then of this
// one. Elimination from the leaves without a difference: to its parent, a branch is what is its own
// (share of it) behind the axial conductance.
void Reference::solve_tree(float* v, float* open) {
    const Tree& t = s_.tree;
    std::vector<float>& own = own_;
    for (int n = 0; n < s_.N; ++n) {
        float inflow = t.kept[n] * v[n] + t.current[n];
        own[n] = t.own[n];
        for (int i = n * s_.U; i < (n + 1) * s_.U; ++i) {
            open[i] += t.rate[i] * (sigmoid(t.slope[i] * v[n] + t.bias[i]) - open[i]);
            const float g = branches_[i] * open[i] * sigmoid(t.slope_m[i] * v[n] + t.bias_m[i]);
            own[n] += g;
            inflow += g * t.reversal[i];
        }
        v[n] = inflow;
    }
    for (int n = s_.N - 1; n >= 0; --n) {
        const float all = own[n] + t.axial[n], share = t.axial[n] / all;
        if (n > 0) {
            own[t.parents[n]] += share * own[n];
            v[t.parents[n]] += share * v[n];
        }
        v[n] /= all;
        own[n] = share;
    }
    for (int n = 1; n < s_.N; ++n) v[n] += own[n] * v[t.parents[n]];
}

void Reference::run(const float* history, int row, float* outputs) {
    const int GK = s_.G * s_.K, RK = s_.R * s_.K, H = s_.H;
    std::copy(s_.branch_b.begin(), s_.branch_b.end(), branches_.begin());
    for (int j = 0; j < s_.W; ++j) {
        const int slot = (newest_ + s_.W - j) % s_.W;  // j bins ago
        for (int b = 0; b < s_.N; ++b)
            accumulate(history + slot * GK + b * RK, RK,
                       s_.branch_w.data() + (j * s_.N + b) * RK * s_.U, s_.U,
                       branches_.data() + b * s_.U);
    }
    relu(branches_.data(), s_.N * s_.U);

    const float* x = branches_.data();
    if (s_.tree) {
        float* v = v_.data() + static_cast<size_t>(row) * s_.N;
        solve_tree(v, open_.data() + static_cast<size_t>(row) * s_.N * s_.U);
        x = v;
    }
    if (s_.P) {
        std::copy(s_.mix_b.begin(), s_.mix_b.end(), mixed_.begin());
        accumulate(x, s_.D, s_.mix_w.data(), s_.P, mixed_.data());
        for (float& sum : mixed_) sum = signed_root(sum);
        x = mixed_.data();
    }
    float* lstm = lstm_.data() + static_cast<size_t>(row) * s_.L * 2 * H;
    int n_in = s_.F;
    for (int l = 0; l < s_.L; ++l) {
        const LstmLayer& layer = s_.lstm[l];
        float *h = lstm + 2 * l * H, *c = h + H;
        std::copy(layer.bias.begin(), layer.bias.end(), gates_.begin());
        accumulate(x, n_in, layer.wx.data(), 4 * H, gates_.data());
        accumulate(h, H, layer.wh.data(), 4 * H, gates_.data());
        update(gates_.data(), H, h, c);
        x = h;
        n_in = H;
    }

    std::copy(s_.head_b1.begin(), s_.head_b1.end(), hidden_.begin());
    accumulate(x, H, s_.head_w1.data(), s_.M, hidden_.data());
    relu(hidden_.data(), s_.M);
    std::copy(s_.head_b2.begin(), s_.head_b2.end(), outputs);
    accumulate(hidden_.data(), s_.M, s_.head_w2.data(), O, outputs);
}

}  // namespace ann::cpu

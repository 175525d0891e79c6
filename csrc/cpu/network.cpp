#include "cpu/network.h"

#include <algorithm>

#include "activations.h"

// One more copy of a function for AVX2, chosen when the module loads. Without contraction (see
// CMakeLists.txt) both give the same bits: wider registers, the same operations in the same order.
#if defined(__x86_64__) && defined(__linux__) && defined(__GNUC__) && !defined(__clang__)
#define ANN_WIDER __attribute__((target_clones("avx2", "default")))
#else
#define ANN_WIDER
#endif

namespace ann::cpu {
namespace {

// y [n_out] += x [n_in] @ w [n_in, n_out], summed over inputs in their order. Four inputs a pass
// keep y in registers longer; the order of the additions into one output stays 0, 1, 2, ...
ANN_WIDER void accumulate(const float* __restrict x, int n_in, const float* __restrict w, int n_out,
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

ANN_WIDER void relu(float* x, int n) {
    for (int i = 0; i < n; ++i) x[i] = x[i] < 0.f ? 0.f : x[i];  // NaN stays NaN
}

// Gates [4H] in torch's order i, f, g, o; h and c [H] in place.
ANN_WIDER void update(const float* __restrict gates, int H, float* __restrict h,
                      float* __restrict c) {
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

Network::Network(const Spec& spec)
    : s_(spec),
      branches_(static_cast<size_t>(spec.N) * spec.U),
      mixed_(spec.P),
      gates_(4 * static_cast<size_t>(spec.H)),
      hidden_(spec.M) {}

void Network::resize(int rows) {
    rows_ = rows;
    newest_ = 0;
    history_.assign(static_cast<size_t>(rows) * s_.W * s_.G * s_.K, 0.f);
    lstm_.assign(static_cast<size_t>(rows) * s_.L * 2 * s_.H, 0.f);
}

void Network::reset() {
    resize(rows_);
}

void Network::step(const float* traces, float* outputs) {
    const size_t GK = static_cast<size_t>(s_.G) * s_.K;
    newest_ = (newest_ + 1) % s_.W;
    for (size_t row = 0; row < static_cast<size_t>(rows_); ++row)
        step_row(traces + row * GK, history_.data() + row * s_.W * GK,
                 lstm_.data() + row * s_.L * 2 * s_.H, outputs + row * O);
}

void Network::step_row(const float* traces, float* history, float* lstm, float* outputs) {
    const int GK = s_.G * s_.K, RK = s_.R * s_.K, H = s_.H;
    std::copy(traces, traces + GK, history + newest_ * GK);
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
    if (s_.P) {
        std::copy(s_.mix_b.begin(), s_.mix_b.end(), mixed_.begin());
        accumulate(x, s_.N * s_.U, s_.mix_w.data(), s_.P, mixed_.data());
        x = mixed_.data();
    }
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

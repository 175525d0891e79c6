#include "window.h"

#include <algorithm>
#include <vector>

#include "activations.h"
#include "clones.h"

namespace ann::train {
namespace {

using Index = ptrdiff_t;

// The right-hand side v becomes the solution; d is what each branch has of its own.
template <class Size>
inline void solve(const Tree& x, const float* d, float* v) {
    const Index N = x.N, B = Size::rows(x);
    const float* axial = x.cable + 2 * N;
    for (Index n = N - 1; n > 0; --n) {
        const float *own = d + n * B, *mine = v + n * B;
        float* up = v + x.parents[n] * B;
        for (Index b = 0; b < B; ++b) up[b] += axial[n] / (own[b] + axial[n]) * mine[b];
    }
    for (Index b = 0; b < B; ++b) v[b] /= d[b];
    for (Index n = 1; n < N; ++n) {
        const float *own = d + n * B, *up = v + x.parents[n] * B;
        float* mine = v + n * B;
        for (Index b = 0; b < B; ++b) mine[b] = (mine[b] + axial[n] * up[b]) / (own[b] + axial[n]);
    }
}

template <class Size>
inline void forward_rows(const Tree& x, const Course& y) {
    const Index N = x.N, U = x.U, T = x.T, B = Size::rows(x);
    const float *slope = x.gate, *bias = slope + N * U, *rate = bias + N * U,
                *slope_m = rate + N * U, *bias_m = slope_m + N * U;
    const float *keep = x.cable, *load = keep + N, *axial = load + N, *current = axial + N;
    std::vector<float> before(x.v0, x.v0 + N * B), v(N * B);
    for (Index t = 0; t < T; ++t) {
        const float* q_before = t ? y.q + (t - 1) * N * U * B : x.q0;
        float *all_q = y.q + t * N * U * B, *all_s = y.s + t * N * U * B, *all_d = y.d + t * N * B;
        for (Index n = 0; n < N; ++n) {
            const float* old = before.data() + n * B;
            float *d = all_d + n * B, *right = v.data() + n * B;
            for (Index b = 0; b < B; ++b) {
                d[b] = load[n];
                right[b] = keep[n] * old[b] + current[n];
            }
            for (Index k = n * U; k < (n + 1) * U; ++k) {
                const float *q_old = q_before + k * B, *u = x.u + (k * T + t) * B;
                float *s = all_s + k * B, *q = all_q + k * B;
#pragma omp simd
                for (Index b = 0; b < B; ++b) {
                    s[b] = sigmoid(slope[k] * old[b] + bias[k]);
                    q[b] = q_old[b] + rate[k] * (s[b] - q_old[b]);
                    const float g = u[b] * q[b] * sigmoid(slope_m[k] * old[b] + bias_m[k]);
                    d[b] += g;
                    right[b] += g * x.reversal[k];
                }
            }
        }
        for (Index n = N - 1; n > 0; --n) {
            const float* d = all_d + n * B;
            float* up = all_d + x.parents[n] * B;
            for (Index b = 0; b < B; ++b) up[b] += axial[n] / (d[b] + axial[n]) * d[b];
        }
        solve<Size>(x, all_d, v.data());
        for (Index n = 0; n < N; ++n) std::copy_n(v.data() + n * B, B, y.v + (n * T + t) * B);
        before.swap(v);
    }
}

// From the last bin to the first. The system is symmetric: the gradient with respect to its
// right-hand side, l, solves it too.
template <class Size>
inline void backward_rows(const Tree& x, const Course& y, const Gradients& g) {
    const Index N = x.N, U = x.U, T = x.T, B = Size::rows(x);
    const float *slope = x.gate, *rate = slope + 2 * N * U, *slope_m = rate + N * U,
                *bias_m = slope_m + N * U, *keep = x.cable;
    float *of_keep = g.of_cable, *of_load = of_keep + N, *of_axial = of_load + N,
          *of_current = of_axial + N;
    // what the bin behind hands back, and sums of each row
    std::vector<float> of_v(N * B, 0.f), of_q(N * U * B, 0.f), l(N * B), sums(N * U * 6 * B, 0.f);
    for (Index t = T - 1; t >= 0; --t) {
        const float* q_before = t ? y.q + (t - 1) * N * U * B : x.q0;
        const float *all_q = y.q + t * N * U * B, *all_s = y.s + t * N * U * B;
        for (Index n = 0; n < N; ++n)
            for (Index b = 0; b < B; ++b)
                l[n * B + b] = g.of_v[(n * T + t) * B + b] + of_v[n * B + b];
        solve<Size>(x, y.d + t * N * B, l.data());
        for (Index n = 0; n < N; ++n) {
            const Index at = (n * T + t) * B, up = n ? x.parents[n] : 0;
            const float *v = y.v + at, *old = t ? v - B : x.v0 + n * B, *mine = &l[n * B];
            const float *v_up = y.v + (up * T + t) * B, *l_up = &l[up * B];
            float* back = &of_v[n * B];
            float kept = 0.f, loaded = 0.f, along = 0.f, in = 0.f;
#pragma omp simd reduction(+ : kept, loaded, along, in)
            for (Index b = 0; b < B; ++b) {
                kept += mine[b] * old[b];
                loaded -= mine[b] * v[b];
                along += (mine[b] - l_up[b]) * (v_up[b] - v[b]);
                in += mine[b];
                back[b] = mine[b] * keep[n];
            }
            of_keep[n] += kept;
            of_load[n] += loaded;
            of_axial[n] += along;
            of_current[n] += in;
            for (Index k = n * U; k < (n + 1) * U; ++k) {
                const Index here = (k * T + t) * B;
                const float *q_old = q_before + k * B, *q = all_q + k * B, *s = all_s + k * B;
                const float* u = x.u + here;
                float *later = &of_q[k * B], *of_u = g.of_u + here, *sum = &sums[k * 6 * B];
#pragma omp simd
                for (Index b = 0; b < B; ++b) {
                    const float of_g = mine[b] * (x.reversal[k] - v[b]);
                    const float m = sigmoid(slope_m[k] * old[b] + bias_m[k]);
                    of_u[b] = of_g * q[b] * m;
                    const float of_gate = of_g * u[b] * m + later[b];
                    later[b] = (1.f - rate[k]) * of_gate;
                    const float inside = rate[k] * of_gate * s[b] * (1.f - s[b]);
                    const float inside_m = of_u[b] * u[b] * (1.f - m);
                    back[b] += inside * slope[k] + inside_m * slope_m[k];
                    sum[b] += inside * old[b];
                    sum[B + b] += inside;
                    sum[2 * B + b] += of_gate * (s[b] - q_old[b]);
                    sum[3 * B + b] += inside_m * old[b];
                    sum[4 * B + b] += inside_m;
                    sum[5 * B + b] += mine[b] * u[b] * q[b] * m;
                }
            }
        }
    }
    for (Index k = 0; k < N * U; ++k)
        for (Index i = 0; i < 6; ++i) {
            float& total = i < 5 ? g.of_gate[i * N * U + k] : g.of_reversal[k];
            for (Index b = 0; b < B; ++b) total += sums[(k * 6 + i) * B + b];
        }
}

}  // namespace

ANN_CLONES void forward(const Tree& x, const Course& y) {
    if (x.B == Usual::rows(x))
        forward_rows<Usual>(x, y);
    else
        forward_rows<Any>(x, y);
}

ANN_CLONES void backward(const Tree& x, const Course& y, const Gradients& g) {
    if (x.B == Usual::rows(x))
        backward_rows<Usual>(x, y, g);
    else
        backward_rows<Any>(x, y, g);
}

}  // namespace ann::train

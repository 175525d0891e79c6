// exp, sigmoid, tanh and a root for float, SIMD vectors (cpu/simd.h) and CUDA: relative error below
// 3e-7, the same bits on every machine and libm, in straight lines. NaN stays NaN.
//
// Everything is `static`: files compiled for different instruction sets must not share code.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>

#ifdef __CUDACC__
#define ANN_BOTH __host__ __device__
#else
#define ANN_BOTH
#endif

namespace ann {

constexpr float log2_e = 1.44269504f;

// What T must offer; T = float rounds after the product, a vector may not (fused multiply-add).
ANN_BOTH static inline float fused(float a, float b, float c) {
    return a * b + c;
}
ANN_BOTH static inline float at_most(float x, float high) {
    return x > high ? high : x;
}
ANN_BOTH static inline float at_least(float x, float low) {
    return x < low ? low : x;
}
ANN_BOTH static inline float square_root(float x) {
    return sqrtf(x);
}
// 2^n, where `shifted` is 1.5 * 2^23 + n: n stands in its low bits.
ANN_BOTH static inline float power_of_two(float shifted) {
    uint32_t bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127u) << 23;
    float power;
    std::memcpy(&power, &bits, sizeof power);
    return power;
}

template <class T>
struct Power {
    T scale, rest;  // 2^y = scale * (1 + rest), |rest| < 0.42
};

// y = n + r, |r| <= 1/2; 2^r - 1 by a minimax polynomial, relative error of 2^r below 1.1e-7.
template <class T>
ANN_BOTH static inline Power<T> split_exp2(T y, float limit) {
    y = at_least(at_most(y, T(limit)), T(-limit));
    const T magic(12582912.f);  // 1.5 * 2^23: adding it rounds to an integer
    const T shifted = y + magic;
    const T r = y - (shifted - magic);
    T p = fused(T(0.00133006054f), r, T(0.00966969132f));
    p = fused(p, r, T(0.0555055849f));
    p = fused(p, r, T(0.240222827f));
    p = fused(p, r, T(0.693147182f));
    return {power_of_two(shifted), p * r};
}

template <class T>
ANN_BOTH static inline T exp2(T y) {
    const Power<T> e = split_exp2(y, 126.f);
    return fused(e.scale, e.rest, e.scale);
}

ANN_BOTH static inline float sigmoid(float x) {
    return 1.f / (1.f + exp2(-log2_e * x));
}

// Behind the mix: near zero x itself, far from it a square root. A synchronous volley is hundreds
// of times the usual input, and would drown all else that the LSTM knows.
template <class T>
ANN_BOTH static inline T signed_root(T x) {
    return x / square_root(T(1.f) + at_least(x, T(0.f) - x));
}

// An LSTM's unit. Pre-activations come in powers of two, so that the weights carry the factors:
// i, f, o are -log2(e) times the gate's, g is 2 log2(e) times the candidate's. With E = 2^i,
// F = 2^f, D = 2^g, S = 2^o and X = e^(2 c):
//   c <- c / (1 + F) + (D - 1) / ((1 + E) (D + 1)),   h = (X - 1) / ((1 + S) (X + 1)),
// each over one denominator: two divisions in place of five. 2^40 is beyond float's resolution of
// both functions, and three such factors do not overflow.
template <class T>
ANN_BOTH static inline T lstm_cell(T i, T f, T g, T c) {
    const T one(1.f), two(2.f);
    const Power<T> pi = split_exp2(i, 40.f), pf = split_exp2(f, 40.f), pg = split_exp2(g, 40.f);
    const T forget = fused(pf.scale, pf.rest, pf.scale) + one;
    const T candidate = fused(pg.scale, pg.rest, pg.scale - one);  // D - 1, never cancelled
    const T in = (fused(pi.scale, pi.rest, pi.scale) + one) * (candidate + two);
    return fused(c, in, candidate * forget) / (forget * in);
}

template <class T>
ANN_BOTH static inline T lstm_shown(T o, T c) {
    const T one(1.f), two(2.f);
    const Power<T> pc = split_exp2(c * T(2.f * log2_e), 40.f), po = split_exp2(o, 40.f);
    const T shown = fused(pc.scale, pc.rest, pc.scale - one);
    const T out = fused(po.scale, po.rest, po.scale) + one;
    return shown / (out * (shown + two));
}

}  // namespace ann

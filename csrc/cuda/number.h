// The two kinds of number that the CUDA engine multiplies, with the same bits on host and device:
// `Real`, a float whose fused multiply-adds are explicit, and `Bf16`, storage of 16 bits.
#pragma once
#include <cmath>

#include "../activations.h"

namespace ann::cuda {

// activations.h's T. Neither compiler may contract products here (-ffp-contract=off, -fmad=false),
// so that what is fused on the device is fused on the host.
struct Real {
    float value;
    ANN_BOTH Real(float x) : value(x) {}
};

ANN_BOTH inline Real operator+(Real a, Real b) {
    return a.value + b.value;
}
ANN_BOTH inline Real operator-(Real a, Real b) {
    return a.value - b.value;
}
ANN_BOTH inline Real operator*(Real a, Real b) {
    return a.value * b.value;
}
ANN_BOTH inline Real operator/(Real a, Real b) {
    return a.value / b.value;
}
ANN_BOTH inline Real fused(Real a, Real b, Real c) {
#ifdef __CUDA_ARCH__
    return __fmaf_rn(a.value, b.value, c.value);
#else
    return std::fma(a.value, b.value, c.value);
#endif
}
ANN_BOTH inline Real at_most(Real x, Real high) {
    return ann::at_most(x.value, high.value);
}
ANN_BOTH inline Real at_least(Real x, Real low) {
    return ann::at_least(x.value, low.value);
}
ANN_BOTH inline Real square_root(Real x) {
    return ann::square_root(x.value);
}
ANN_BOTH inline Real power_of_two(Real shifted) {
    return ann::power_of_two(shifted.value);
}

struct Bf16 {
    uint16_t bits;
};

// To the nearest, ties to even; NaN stays NaN.
ANN_BOTH inline Bf16 rounded(float x, Bf16) {
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return {static_cast<uint16_t>((bits >> 16) | 0x40u)};
    return {static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16)};
}
ANN_BOTH inline float rounded(float x, float) {
    return x;
}
template <class Number>
ANN_BOTH inline Number as(float x) {
    return rounded(x, Number{});
}

ANN_BOTH inline float widened(float x) {
    return x;
}
ANN_BOTH inline float widened(Bf16 x) {
    const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
    float wide;
    std::memcpy(&wide, &bits, sizeof wide);
    return wide;
}

}  // namespace ann::cuda

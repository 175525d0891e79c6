// A vector of floats (`Vec`, `lanes` of them) and a quad of four (`Quad`), thin over the
// instruction set that this file is compiled for. Unnamed namespace: see activations.h.
#pragma once
#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace ann::cpu {
namespace {

#if defined(__x86_64__)

struct Quad {
    __m128 v;
    Quad() = default;
    Quad(__m128 x) : v(x) {}
    explicit Quad(float x) : v(_mm_set1_ps(x)) {}
};
inline Quad load4(const float* p) {
    return _mm_loadu_ps(p);
}
inline void store4(float* p, Quad x) {
    _mm_storeu_ps(p, x.v);
}
inline Quad operator+(Quad a, Quad b) {
    return _mm_add_ps(a.v, b.v);
}
inline Quad operator*(Quad a, Quad b) {
    return _mm_mul_ps(a.v, b.v);
}
inline Quad operator/(Quad a, Quad b) {
    return _mm_div_ps(a.v, b.v);
}
inline Quad fused(Quad a, Quad b, Quad c) {
    return _mm_fmadd_ps(a.v, b.v, c.v);
}
// Subnormal numbers count as zero while one of these lives: silent rows stay fast.
class NoSubnormals {
  public:
    NoSubnormals() : before_(_mm_getcsr()) { _mm_setcsr(before_ | 0x8040); }
    ~NoSubnormals() { _mm_setcsr(before_); }

  private:
    unsigned before_;
};

#if defined(__AVX512F__)

constexpr int lanes = 16, registers = 32;
struct Vec {
    __m512 v;
    Vec() = default;
    Vec(__m512 x) : v(x) {}
    explicit Vec(float x) : v(_mm512_set1_ps(x)) {}
};
inline Vec load(const float* p) {
    return _mm512_loadu_ps(p);
}
inline void store(float* p, Vec x) {
    _mm512_storeu_ps(p, x.v);
}
inline Vec operator+(Vec a, Vec b) {
    return _mm512_add_ps(a.v, b.v);
}
inline Vec operator-(Vec a, Vec b) {
    return _mm512_sub_ps(a.v, b.v);
}
inline Vec operator*(Vec a, Vec b) {
    return _mm512_mul_ps(a.v, b.v);
}
inline Vec operator/(Vec a, Vec b) {
    return _mm512_div_ps(a.v, b.v);
}
inline Vec fused(Vec a, Vec b, Vec c) {
    return _mm512_fmadd_ps(a.v, b.v, c.v);
}
inline Vec less(Vec c, Vec a, Vec b) {
    return _mm512_fnmadd_ps(a.v, b.v, c.v);
}  // c - a b
// A NaN in x stays: where one of two is NaN, x86 gives the second.
inline Vec at_most(Vec x, Vec high) {
    return _mm512_min_ps(high.v, x.v);
}
inline Vec at_least(Vec x, Vec low) {
    return _mm512_max_ps(low.v, x.v);
}
inline Vec square_root(Vec x) {
    return _mm512_sqrt_ps(x.v);
}
inline Vec power_of_two(Vec shifted) {
    const __m512i n = _mm512_add_epi32(_mm512_castps_si512(shifted.v), _mm512_set1_epi32(127));
    return _mm512_castsi512_ps(_mm512_slli_epi32(n, 23));
}
inline Vec load_quads(const float* p, const int* at) {
    __m512 x = _mm512_castps128_ps512(_mm_loadu_ps(p + at[0]));
    x = _mm512_insertf32x4(x, _mm_loadu_ps(p + at[1]), 1);
    x = _mm512_insertf32x4(x, _mm_loadu_ps(p + at[2]), 2);
    return _mm512_insertf32x4(x, _mm_loadu_ps(p + at[3]), 3);
}
template <int i>
inline Vec spread(Vec x) {
    return _mm512_permute_ps(x.v, i * 0x55);
}
inline Vec quad_sums(Vec a, Vec b, Vec c, Vec d) {
    const Vec ab = Vec(_mm512_unpacklo_ps(a.v, b.v)) + _mm512_unpackhi_ps(a.v, b.v);
    const Vec cd = Vec(_mm512_unpacklo_ps(c.v, d.v)) + _mm512_unpackhi_ps(c.v, d.v);
    return Vec(_mm512_shuffle_ps(ab.v, cd.v, 0x44)) + _mm512_shuffle_ps(ab.v, cd.v, 0xee);
}

#elif defined(__AVX2__)

constexpr int lanes = 8, registers = 16;
struct Vec {
    __m256 v;
    Vec() = default;
    Vec(__m256 x) : v(x) {}
    explicit Vec(float x) : v(_mm256_set1_ps(x)) {}
};
inline Vec load(const float* p) {
    return _mm256_loadu_ps(p);
}
inline void store(float* p, Vec x) {
    _mm256_storeu_ps(p, x.v);
}
inline Vec operator+(Vec a, Vec b) {
    return _mm256_add_ps(a.v, b.v);
}
inline Vec operator-(Vec a, Vec b) {
    return _mm256_sub_ps(a.v, b.v);
}
inline Vec operator*(Vec a, Vec b) {
    return _mm256_mul_ps(a.v, b.v);
}
inline Vec operator/(Vec a, Vec b) {
    return _mm256_div_ps(a.v, b.v);
}
inline Vec fused(Vec a, Vec b, Vec c) {
    return _mm256_fmadd_ps(a.v, b.v, c.v);
}
inline Vec less(Vec c, Vec a, Vec b) {
    return _mm256_fnmadd_ps(a.v, b.v, c.v);
}  // c - a b
// A NaN in x stays: where one of two is NaN, x86 gives the second.
inline Vec at_most(Vec x, Vec high) {
    return _mm256_min_ps(high.v, x.v);
}
inline Vec at_least(Vec x, Vec low) {
    return _mm256_max_ps(low.v, x.v);
}
inline Vec square_root(Vec x) {
    return _mm256_sqrt_ps(x.v);
}
inline Vec power_of_two(Vec shifted) {
    const __m256i n = _mm256_add_epi32(_mm256_castps_si256(shifted.v), _mm256_set1_epi32(127));
    return _mm256_castsi256_ps(_mm256_slli_epi32(n, 23));
}
// A quad from p + at[0], the next from p + at[1], ...
inline Vec load_quads(const float* p, const int* at) {
    return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p + at[0])),
                                _mm_loadu_ps(p + at[1]), 1);
}
// Element i of each quad, in all of the quad's lanes.
template <int i>
inline Vec spread(Vec x) {
    return _mm256_permute_ps(x.v, i * 0x55);
}
// In each quad the four sums over that quad of a, b, c and d.
inline Vec quad_sums(Vec a, Vec b, Vec c, Vec d) {
    return _mm256_hadd_ps(_mm256_hadd_ps(a.v, b.v), _mm256_hadd_ps(c.v, d.v));
}

#endif
#elif defined(__aarch64__)

constexpr int lanes = 4, registers = 32;
struct Vec {
    float32x4_t v;
    Vec() = default;
    Vec(float32x4_t x) : v(x) {}
    explicit Vec(float x) : v(vdupq_n_f32(x)) {}
};
inline Vec load(const float* p) {
    return vld1q_f32(p);
}
inline void store(float* p, Vec x) {
    vst1q_f32(p, x.v);
}
inline Vec operator+(Vec a, Vec b) {
    return vaddq_f32(a.v, b.v);
}
inline Vec operator-(Vec a, Vec b) {
    return vsubq_f32(a.v, b.v);
}
inline Vec operator*(Vec a, Vec b) {
    return vmulq_f32(a.v, b.v);
}
inline Vec operator/(Vec a, Vec b) {
    return vdivq_f32(a.v, b.v);
}
inline Vec fused(Vec a, Vec b, Vec c) {
    return vfmaq_f32(c.v, a.v, b.v);
}
inline Vec less(Vec c, Vec a, Vec b) {
    return vfmsq_f32(c.v, a.v, b.v);
}  // c - a b
inline Vec at_most(Vec x, Vec high) {
    return vminq_f32(high.v, x.v);
}
inline Vec at_least(Vec x, Vec low) {
    return vmaxq_f32(low.v, x.v);
}
inline Vec square_root(Vec x) {
    return vsqrtq_f32(x.v);
}
inline Vec power_of_two(Vec shifted) {
    const int32x4_t n = vaddq_s32(vreinterpretq_s32_f32(shifted.v), vdupq_n_s32(127));
    return vreinterpretq_f32_s32(vshlq_n_s32(n, 23));
}
inline Vec load_quads(const float* p, const int* at) {
    return vld1q_f32(p + at[0]);
}
template <int i>
inline Vec spread(Vec x) {
    return vdupq_laneq_f32(x.v, i);
}
inline Vec quad_sums(Vec a, Vec b, Vec c, Vec d) {
    return vpaddq_f32(vpaddq_f32(a.v, b.v), vpaddq_f32(c.v, d.v));
}

using Quad = Vec;
inline Quad load4(const float* p) {
    return load(p);
}
inline void store4(float* p, Quad x) {
    store(p, x);
}

class NoSubnormals {
  public:
    NoSubnormals() {
        __asm__ volatile("mrs %0, fpcr" : "=r"(before_));
        __asm__ volatile("msr fpcr, %0" : : "r"(before_ | (1ull << 24)));
    }
    ~NoSubnormals() { __asm__ volatile("msr fpcr, %0" : : "r"(before_)); }

  private:
    unsigned long long before_;
};

#endif

}  // namespace
}  // namespace ann::cpu

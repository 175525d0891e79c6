/* What a core does at most: multiply-adds in its registers, and reading an array. */
#ifdef __AVX512F__
#define BYTES 64
#else
#define BYTES 32
#endif
#define CHAINS 12 /* more than latency x units, and still all in registers */
#define LANES (BYTES / 4)

typedef float Vector __attribute__((vector_size(BYTES)));

static float total(const Vector* sums) {
    float s = 0.0f;
    for (int k = 0; k < CHAINS; ++k)
        for (int i = 0; i < LANES; ++i) s += sums[k][i];
    return s;
}

/* n times CHAINS x LANES multiply-adds. */
float multiply_add(long n, float a, float b) {
    Vector sums[CHAINS], va = a - (Vector){0}, vb = b - (Vector){0};
    for (int k = 0; k < CHAINS; ++k) sums[k] = vb;
    for (; n > 0; --n)
#pragma GCC unroll 12
        for (int k = 0; k < CHAINS; ++k) sums[k] = sums[k] * va + vb;
    return total(sums);
}

/* Reads `blocks` x CHAINS x LANES floats, n times over. */
float read_over(const Vector* x, long blocks, long n) {
    Vector sums[CHAINS] = {{0}};
    for (; n > 0; --n) {
        __asm__ volatile("" ::: "memory");
        for (long j = 0; j < blocks; ++j)
#pragma GCC unroll 12
            for (int k = 0; k < CHAINS; ++k) sums[k] += x[j * CHAINS + k];
    }
    return total(sums);
}

long floats_of_a_block(void) {
    return CHAINS * LANES;
}

// For the loops over a window, whose rows lie innermost.
#pragma once
#include <cstddef>

// Compiled once for each instruction set; the loader chooses.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define ANN_CLONES __attribute__((flatten, target_clones("avx2", "default")))
#else
#define ANN_CLONES
#endif

namespace ann::train {

// How many rows: known when it is compiled, as it usually is (fit.CACHED_ROWS), or not.
struct Usual {
    template <class X>
    static constexpr ptrdiff_t rows(const X&) {
        return 8;
    }
};
struct Any {
    template <class X>
    static ptrdiff_t rows(const X& x) {
        return x.B;
    }
};

}  // namespace ann::train

#include "leak.h"

#include <algorithm>
#include <vector>

#include "clones.h"

namespace ann::train {
namespace {

template <class Size>
inline void leak_rows(const Leak& x, bool backwards) {
    const ptrdiff_t B = Size::rows(x), first = backwards ? x.T - 1 : 0, step = backwards ? -1 : 1;
    std::vector<float> now(B);
    for (ptrdiff_t f = 0; f < x.F; ++f) {
        std::copy_n(x.before + f * B, B, now.data());
        for (ptrdiff_t k = 0; k < x.T; ++k) {
            const ptrdiff_t here = (f * x.T + first + k * step) * B;
#pragma omp simd
            for (ptrdiff_t b = 0; b < B; ++b) now[b] = x.x[here + b] + x.decay[f] * now[b];
            std::copy_n(now.data(), B, x.y + here);
        }
    }
}

}  // namespace

ANN_CLONES void leak(const Leak& x, bool backwards) {
    if (x.B == Usual::rows(x))
        leak_rows<Usual>(x, backwards);
    else
        leak_rows<Any>(x, backwards);
}

}  // namespace ann::train

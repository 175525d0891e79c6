// The kernel for x86 with AVX2 and FMA.
#ifdef ANN_HAVE_AVX2
#include "cpu/step.h"

namespace ann::cpu {

const Kernel& avx2_kernel() {
    static constexpr Kernel kernel{"avx2", lanes, step_block};
    return kernel;
}

}  // namespace ann::cpu
#endif

// The kernel for x86 with AVX-512F.
#ifdef ANN_HAVE_AVX512
#include "cpu/step.h"

namespace ann::cpu {

const Kernel& avx512_kernel() {
    static constexpr Kernel kernel{"avx512", lanes, step_block};
    return kernel;
}

}  // namespace ann::cpu
#endif

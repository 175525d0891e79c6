// The kernel for 64-bit ARM; tested in emulation only.
#ifdef ANN_HAVE_NEON
#include "cpu/step.h"

namespace ann::cpu {

const Kernel& neon_kernel() {
    static constexpr Kernel kernel{"neon", lanes, step_block};
    return kernel;
}

}  // namespace ann::cpu
#endif

#include "cpu/variants.h"

#include <algorithm>

#include "cpu/kernel.h"
#include "cpu/network.h"
#include "cpu/reference.h"
#include "errors.h"

namespace ann::cpu {
namespace {

std::vector<const Kernel*> kernels() {
    std::vector<const Kernel*> found;
#ifdef ANN_HAVE_AVX512
    if (__builtin_cpu_supports("avx512f")) found.push_back(&avx512_kernel());
#endif
#ifdef ANN_HAVE_AVX2
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        found.push_back(&avx2_kernel());
#endif
#ifdef ANN_HAVE_NEON
    found.push_back(&neon_kernel());
#endif
    return found;
}

}  // namespace

std::vector<std::string> variants() {
    std::vector<std::string> names;
    for (const Kernel* kernel : kernels()) names.push_back(kernel->name);
    names.push_back("scalar");
    return names;
}

std::unique_ptr<ann::Network> make_network(const std::string& variant, int threads,
                                           const Spec& spec) {
    const std::vector<std::string> names = variants();
    const std::string wanted = variant.empty() ? names.front() : variant;
    for (const Kernel* kernel : kernels())
        if (kernel->name == wanted) return std::make_unique<Network>(spec, *kernel, threads);
    if (wanted == "scalar") return std::make_unique<Reference>(spec);
    std::string known;
    for (const std::string& name : names) known += (known.empty() ? "'" : ", '") + name + "'";
    throw InputError("expected a variant that this machine can run (" + known + "), got '" +
                     wanted + "'");
}

}  // namespace ann::cpu

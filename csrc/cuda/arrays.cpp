#include "cuda/arrays.h"

#include "errors.h"

namespace ann::cuda {
namespace {

// strides in elements
template <class T>
DeviceArray array(const T* data, std::vector<size_t> shape, std::vector<size_t> strides) {
    for (size_t& stride : strides) stride *= sizeof(T);
    return {data, sizeof(T) == 8 ? "<f8" : "<f4", std::move(shape), std::move(strides), -1};
}

}  // namespace

template <class Number>
DeviceArray find_array(const View<Number>& v, const Batch& b, int rows, const std::string& name) {
    const size_t B = size_t(rows), GK = size_t(v.GK), L = size_t(v.L), H = size_t(v.H);
    const size_t H16 = size_t(v.H16), row = size_t(v.state), N = size_t(v.N);
    if (name == "v") return array(b.v, {B}, {1});
    if (name == "spike") return array(b.spike, {B}, {1});
    if (name == "outputs") return array(b.outputs, {B, O}, {O, 1});
    if (name == "traces")
        return array(b.history + size_t(b.newest) * GK, {B, GK}, {size_t(v.W) * GK, 1});
    if (name == "lstm") return array(b.state, {B, L, 2, H}, {row, 2 * H16, H16, 1});
    if (name == "branch_v" && N) return array(b.state + 2 * L * H16, {B, N}, {row, 1});
    if (name == "hazard") return array(b.hazard, {B}, {1});
    if (name == "last_spike") return array(b.last, {B}, {1});
    throw InputError(
        "expected one of v, spike, outputs, traces, lstm, branch_v (of a tree), hazard, "
        "last_spike, got '" +
        name + "'");
}

template DeviceArray find_array(const View<float>&, const Batch&, int, const std::string&);
template DeviceArray find_array(const View<Bf16>&, const Batch&, int, const std::string&);

}  // namespace ann::cuda

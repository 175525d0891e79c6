#include "cuda/plan.h"

#include "errors.h"

namespace ann::cuda {
namespace {

template <class Number>
Plan layout(const View<Number>& v, int rows, size_t resident) {
    Plan p{rows, resident, 0, 0, 0, 0, 0, 0, 0};
    size_t at = 0;
    const auto take = [&at](size_t bytes) {
        const size_t from = at;
        at += (bytes + 127) / 128 * 128;
        return from;
    };
    const size_t row = static_cast<size_t>(rows) * sizeof(Number);
    take(resident * sizeof(Number));
    p.u = take(row * stride_of(v.D16));
    p.f = take(v.P16 ? row * stride_of(v.P16) : 0);
    p.h = take(row * stride_of(v.H16) * v.L * 2);
    p.hidden = take(static_cast<size_t>(rows) * (v.M16 + 1) * sizeof(float));
    p.scratch = take(static_cast<size_t>(warps) * scratch_size * sizeof(float));
    p.tree = take(v.N ? static_cast<size_t>(rows) * tree_stride(v.N) * sizeof(float) : 0);
    p.bytes = at;
    return p;
}

}  // namespace

// Every multiprocessor gets a tile before any tile grows. Weights in shared memory come before
// large tiles, since each tile would read them again, but not before two tiles of rows: of a single
// one, only half of the warps have a part in the LSTM at H = 64. Where they do not all fit, the
// mix, the smaller part, is left out.
template <class Number>
Plan make_plan(const View<Number>& sizes, const Machine& machine, int rows) {
    int wanted = tile;
    while (wanted < most_rows && rows > wanted * machine.multiprocessors) wanted *= 2;
    const int least = wanted > tile ? 2 * tile : tile;
    const auto fits = [&](const Plan& plan) { return plan.bytes <= machine.shared_bytes; };
    for (int of_tile = wanted; of_tile >= least; of_tile /= 2)
        for (const size_t resident : {sizes.n_weights, sizes.n_without_mix})
            if (const Plan plan = layout(sizes, of_tile, resident); fits(plan)) return plan;
    for (int of_tile = wanted; of_tile >= tile; of_tile /= 2)
        if (const Plan plan = layout(sizes, of_tile, 0); fits(plan)) return plan;
    throw InputError("backend 'cuda' needs " + std::to_string(layout(sizes, tile, 0).bytes) +
                     " bytes of shared memory for this bundle's sizes, and the device has " +
                     std::to_string(machine.shared_bytes) + "; use backend='cpu'");
}

template Plan make_plan(const View<float>&, const Machine&, int);
template Plan make_plan(const View<Bf16>&, const Machine&, int);

}  // namespace ann::cuda

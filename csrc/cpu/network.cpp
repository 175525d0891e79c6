#include "cpu/network.h"

namespace ann::cpu {
namespace {

// Enough to use each weight that comes into the L1 cache many times, and few enough for a block's
// activations to stay in the L2 cache; a multiple of the kernels' tiles.
constexpr int most_rows = 60, few_rows = 6;

// Rows of a block: as many as fit, and as many blocks for each thread as for the others.
int block_rows(int rows, int threads) {
    const int rounds = (rows + most_rows * threads - 1) / (most_rows * threads);
    const int blocks = threads * std::max(rounds, 1);
    const int even = (rows + blocks - 1) / blocks;
    return std::max((even + few_rows - 1) / few_rows * few_rows, few_rows);
}

}  // namespace

Network::Network(const Spec& spec, const Kernel& kernel, int threads)
    : packed_(spec, kernel.width), kernel_(kernel), pool_(threads) {}

void Network::resize(int rows) {
    rows_ = rows;
    block_ = block_rows(rows, pool_.threads());
    history_.assign(static_cast<size_t>(rows) * packed_.W * packed_.traces);
    state_.assign(static_cast<size_t>(rows) * packed_.state);
    for (int row = 0; row < rows; ++row)
        std::copy_n(packed_.start.data, packed_.state,
                    state_.data + static_cast<size_t>(row) * packed_.state);
    scratch_size_ = static_cast<size_t>(block_) * packed_.scratch + packed_.spare;
    scratch_.assign(pool_.threads() * scratch_size_);
    newest_ = 0;
}

Kept Network::kept() const {
    const size_t bin = size_t(packed_.traces), row = size_t(packed_.state);
    float* const state = state_.data;
    return {history_.data,
            bin * size_t(packed_.W),
            bin,
            newest_,
            state,
            row,
            size_t(packed_.hidden),
            state + packed_.v_at,
            row,
            state + packed_.gates_at,
            row,
            size_t(packed_.tree.U4),
            nullptr};
}

void Network::step(EventBuffer& events, float* outputs) {
    struct Context {
        Network* network;
        EventBuffer* events;
        float* outputs;
    } context{this, &events, outputs};
    newest_ = (newest_ + 1) % packed_.W;
    pool_.run((rows_ + block_ - 1) / block_,
              [](void* p, int block, int thread) {
                  const Context& c = *static_cast<Context*>(p);
                  c.network->step_block(*c.events, c.outputs, block, thread);
              },
              &context);
}

void Network::step_block(EventBuffer& events, float* outputs, int block, int thread) {
    const size_t from = static_cast<size_t>(block) * block_;
    const int rows = std::min(block_, rows_ - static_cast<int>(from));
    events.sort(static_cast<int>(from), static_cast<int>(from) + rows);
    kernel_.step(packed_, {rows, events.events(), events.first() + from,
                           history_.data + from * packed_.W * packed_.traces, newest_,
                           state_.data + from * packed_.state, outputs + from * O,
                           scratch_.data + thread * scratch_size_});
}

}  // namespace ann::cpu

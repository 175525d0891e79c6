#include "cuda/host.h"

#include <algorithm>

#include "cuda/arrays.h"
#include "cuda/results.h"
#include "cuda/step.h"

namespace ann::cuda {
namespace {

// A tile of 16 rows by n tiles of columns, as the fragments of a warp hold it: here in one piece.
template <class Number, int n>
struct Sums {
    static constexpr int elements = tile * tile;
    float sum[n][elements];

    float& at(int part, int element) { return sum[part][element]; }
    void load(int part, const float* from, int stride) {
        for (int i = 0; i < elements; ++i) sum[part][i] = from[i / tile * stride + i % tile];
    }
    void store(int part, float* to, int stride) const {
        for (int i = 0; i < elements; ++i) to[i / tile * stride + i % tile] = sum[part][i];
    }
    // One chain of fused multiply-adds over the inputs 0, 1, 2, ... in each output.
    void multiply(const Number* x, int stride, int in, const Number* w) {
        for (int row = 0; row < tile; ++row)
            for (int i = 0; i < in; ++i) {
                const float a = widened(x[row * stride + i]);
                const Number* of_input = w + static_cast<size_t>(i) * stride_of(n * tile);
                for (int part = 0; part < n; ++part)
                    for (int column = 0; column < tile; ++column) {
                        float& s = sum[part][row * tile + column];
                        s = std::fma(a, widened(of_input[part * tile + column]), s);
                    }
            }
    }
};

// A thread block of one thread.
struct Block {
    template <class Number, int n>
    using Sums = cuda::Sums<Number, n>;

    struct Warp {
        int index;
        bool reversed;
        void sync() const {}
        template <class Body>
        void each(int n, const Body& body) const {
            for (int i = 0; i < n; ++i) body(reversed ? n - 1 - i : i);
        }
    };

    bool reversed;

    template <class Body>
    void each(int n, const Body& body) const {
        Warp{0, reversed}.each(n, body);
    }
    template <class Body>
    void each_warp(int n, const Body& body) const {
        each(n, [&](int item) {
            Warp warp{item % warps, reversed};
            body(item, warp);
        });
    }
};

// One multiprocessor, so that a batch of a few rows has tiles of 16, 32 and 64; of an H200's
// shared memory.
constexpr Machine machine{227 * 1024, 1};

template <class Number>
class HostRows final : public ann::Rows {
  public:
    HostRows(const Spec& spec, bool reversed)
        : packed_(spec), reset_(packed_.gates_at_reset()), block_{reversed} {
        make_plan(packed_.sizes, machine, 1);  // throws
    }

    void resize(int rows) override {
        const View<Number>& v = packed_.sizes;
        rows_ = rows;
        plan_ = make_plan(v, machine, rows);
        const size_t all = filled_up(rows, most_rows);
        first_.assign(all + 1, 0);
        history_.assign(all * v.W * v.GK, 0.f);
        state_.assign(all * v.state, 0.f);
        outputs_.assign(all * O, 0.f);
        hazard_.assign(all, 0.f);
        last_.assign(all, never);
        results_.assign(2 * all, none);
        shared_.assign(plan_.bytes / sizeof(Line), Line{});
        batch_ = {static_cast<int>(all),
                  tiles(plan_, rows),
                  1,
                  0,
                  first_.data(),
                  nullptr,
                  history_.data(),
                  state_.data(),
                  outputs_.data(),
                  0,
                  hazard_.data(),
                  last_.data(),
                  results_.data(),
                  results_.data() + all};
    }

    void launch(double t0, EventBuffer& events) override {
        events_.assign(events.events(), events.events() + events.first()[rows_]);
        for (size_t row = 0; row < first_.size(); ++row)
            first_[row] = static_cast<int>(events.first()[std::min<size_t>(row, rows_)]);
        batch_.newest = (batch_.newest + 1) % packed_.sizes.W;
        batch_.events = events_.data();
        batch_.t0 = t0;
        const View<Number> view = packed_.view();
        // What shared memory holds at a kernel's start is arbitrary.
        std::fill(shared_.begin(), shared_.end(), Line::of_nan());
        Tile<Number, Block> work(view, plan_, batch_, block_,
                                 reinterpret_cast<char*>(shared_.data()));
        work.prepare();
        for (int index = 0; index < batch_.tiles; ++index) work.run(index);
    }

    void collect(EventBuffer& events, double* v_end, std::vector<Spike>& spikes) override {
        hand_over({batch_.v, batch_.spike, rows_, batch_.t0}, events, v_end, spikes);
    }

    std::vector<float> outputs() override {
        return {outputs_.begin(), outputs_.begin() + static_cast<std::ptrdiff_t>(rows_) * O};
    }

    void save(EngineState& to) override {
        ann::save(kept(), to.network);
        to.hazard.assign(hazard_.begin(), hazard_.begin() + rows_);
        to.last_spike.assign(last_.begin(), last_.begin() + rows_);
    }
    void load(const EngineState& from) override {
        ann::load(kept(), from.network);
        std::copy(from.hazard.begin(), from.hazard.end(), hazard_.begin());
        std::copy(from.last_spike.begin(), from.last_spike.end(), last_.begin());
    }

    DeviceArray on_device(const std::string& name) const override {
        return find_array(packed_.sizes, batch_, rows_, name);
    }

  private:
    Kept kept() {
        return cuda::kept(packed_.sizes, history_.data(), state_.data(), batch_.newest,
                          reset_.data());
    }

    struct alignas(128) Line {
        uint32_t words[32];
        static Line of_nan() {
            Line line;
            std::fill_n(line.words, 32, 0x7fc07fc0u);  // as a float, and as two Bf16
            return line;
        }
    };

    Packed<Number> packed_;
    std::vector<float> reset_;  // [units]: a tree's gates
    Block block_;
    Plan plan_{};
    Batch batch_{};
    int rows_ = 0;
    std::vector<int> first_;
    std::vector<RowEvent> events_;
    std::vector<float> history_, state_, outputs_, hazard_;
    std::vector<double> last_, results_;  // results: v, then spikes
    std::vector<Line> shared_;
};

}  // namespace

std::vector<std::string> host_variants() {
    return {"float32-host", "float32-host-reversed", "bf16-host"};
}

std::unique_ptr<ann::Rows> make_host_rows(const std::string& variant, const Spec& spec) {
    if (variant == "float32-host") return std::make_unique<HostRows<float>>(spec, false);
    if (variant == "float32-host-reversed") return std::make_unique<HostRows<float>>(spec, true);
    if (variant == "bf16-host") return std::make_unique<HostRows<Bf16>>(spec, false);
    return nullptr;
}

}  // namespace ann::cuda

// The network on a CUDA device: one launch a step, its events in and its outputs out.
#include "cuda/network.h"

#include <algorithm>

#include "cuda/device.h"
#include "cuda/fragment.cuh"
#include "cuda/memory.cuh"
#include "cuda/step.h"
#include "errors.h"

namespace ann::cuda {
namespace {

// step.h's Block on the device.
struct Block {
    template <class Number, int n>
    using Sums = cuda::Sums<Number, n>;

    struct Warp {
        int index;
        __device__ void sync() const { __syncwarp(); }
        template <class Body>
        __device__ void each(int n, const Body& body) const {
            for (int i = threadIdx.x % warp_size; i < n; i += warp_size) body(i);
            __syncwarp();
        }
    };

    template <class Body>
    __device__ void each(int n, const Body& body) const {
        for (int i = threadIdx.x; i < n; i += threads) body(i);
        __syncthreads();
    }
    template <class Body>
    __device__ void each_warp(int n, const Body& body) const {
        Warp warp{static_cast<int>(threadIdx.x) / warp_size};
        for (int item = warp.index; item < n; item += warps) body(item, warp);
        __syncthreads();
    }
};

template <class Number>
__global__ void __launch_bounds__(threads, 1)
    step_kernel(const __grid_constant__ View<Number> view, const __grid_constant__ Plan plan,
                const __grid_constant__ Batch batch) {
    extern __shared__ __align__(128) char shared[];
    Block block;
    Tile<Number, Block> work(view, plan, batch, block, shared);
    work.prepare();
    for (int index = blockIdx.x; index < batch.tiles; index += gridDim.x) work.run(index);
}

template <class Number>
class DeviceNetwork final : public ann::Network {
  public:
    DeviceNetwork(const Spec& spec, int device);
    void resize(int rows) override;
    void reset() override;
    void launch(EventBuffer& events) override;
    void collect(EventBuffer& events, float* outputs) override;
    void save(NetworkState& to) override;
    void load(const NetworkState& from) override;

  private:
    void enter() const;
    void enter_a_batch() const;
    void reserve(size_t events);
    size_t stage(const EventBuffer& events);

    int device_;
    Machine machine_{};
    Stream stream_;
    View<Number> view_;  // of the arrays below
    Array<float> loss_, rates_, branch_w_, branch_b_, tree_units_, cable_, head_w2_, head_b2_,
        biases_;
    Array<int> first_target_, parents_;
    Array<Target> targets_;
    Array<Number> weights_;

    std::vector<float> reset_;             // [units]: a tree's gates
    int rows_ = 0, all_ = 0, newest_ = 0;  // all: filled up
    Plan plan_{};
    int blocks_ = 1;
    Array<float> history_, state_, outputs_;
    // [all + 1] where a row's events start, then, 16-byte aligned, the events: one copy a step
    Array<char> input_;
    Pinned<char> staged_;
    Pinned<float> shown_;
};

int bound_to(int device) {
    check(cudaSetDevice(device), "to start");
    return device;
}

template <class Number>
DeviceNetwork<Number>::DeviceNetwork(const Spec& spec, int device) : device_(bound_to(device)) {
    int shared = 0;
    check(cudaDeviceGetAttribute(&shared, cudaDevAttrMaxSharedMemoryPerBlockOptin, device),
          "to read a device's properties");
    check(cudaDeviceGetAttribute(&machine_.multiprocessors, cudaDevAttrMultiProcessorCount, device),
          "to read a device's properties");
    machine_.shared_bytes = static_cast<size_t>(shared);
    const Packed<Number> packed(spec);
    view_ = packed.sizes;
    view_.loss = loss_.assign(packed.loss);
    view_.rates = rates_.assign(packed.rates);
    view_.first = first_target_.assign(packed.first);
    view_.targets = targets_.assign(packed.targets);
    view_.branch_w = branch_w_.assign(packed.branch_w);
    view_.branch_b = branch_b_.assign(packed.branch_b);
    view_.parents = parents_.assign(packed.parents);
    view_.tree_units = tree_units_.assign(packed.tree_units);
    view_.cable = cable_.assign(packed.cable);
    view_.head_w2 = head_w2_.assign(packed.head_w2);
    view_.head_b2 = head_b2_.assign(packed.head_b2);
    view_.biases = biases_.assign(packed.biases);
    view_.weights = weights_.assign(packed.weights);
    reset_ = packed.gates_at_reset();
}

template <class Number>
void DeviceNetwork<Number>::enter() const {
    refuse_fork();
    check(cudaSetDevice(device_), "to start");
}

template <class Number>
void DeviceNetwork<Number>::enter_a_batch() const {
    enter();
    if (rows_ < 0) throw DeviceError("the batch has no memory on the GPU; use backend 'cpu'");
}

template <class Number>
void DeviceNetwork<Number>::resize(int rows) {
    enter();
    const Plan plan = make_plan(view_, machine_, rows);
    const size_t all = static_cast<size_t>(filled_up(rows, most_rows));
    rows_ = -1;  // until all memory is there
    history_.allocate(all * view_.W * view_.GK);
    state_.allocate(all * view_.state);
    outputs_.allocate(all * O);
    shown_.allocate(static_cast<size_t>(rows) * O);
    all_ = static_cast<int>(all);
    plan_ = plan;
    reserve(0);
    reset();
    // the function's, not this network's: another one may be smaller
    check(cudaFuncSetAttribute(step_kernel<Number>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(machine_.shared_bytes)),
          "to lay out shared memory");
    int of_one = 1;
    check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&of_one, step_kernel<Number>, threads,
                                                        plan_.bytes),
          "to lay out shared memory");
    blocks_ = std::min(tiles(plan_, rows), std::max(of_one, 1) * machine_.multiprocessors);
    rows_ = rows;
}

template <class Number>
void DeviceNetwork<Number>::reset() {
    enter();
    history_.clear();
    state_.clear();
    check(cudaDeviceSynchronize(), "to reset a batch");  // the memset is not in our stream
    newest_ = 0;
}

size_t bytes_of_first(int all) {
    return (static_cast<size_t>(all) + 1 + 3) / 4 * 4 * sizeof(int);
}

// Room for the events of a bin: grows a few times, then never again.
template <class Number>
void DeviceNetwork<Number>::reserve(size_t events) {
    const size_t wanted = bytes_of_first(all_) + events * sizeof(RowEvent);
    if (wanted <= input_.size()) return;
    staged_.allocate(2 * wanted);
    input_.allocate(2 * wanted);
}

// The bin's events into pinned memory; returns the bytes to copy.
template <class Number>
size_t DeviceNetwork<Number>::stage(const EventBuffer& events) {
    const size_t n = events.first()[rows_];
    reserve(n);
    int* first = reinterpret_cast<int*>(staged_.data());
    for (int row = 0; row <= all_; ++row)
        first[row] = static_cast<int>(events.first()[std::min(row, rows_)]);
    std::copy_n(events.events(), n,
                reinterpret_cast<RowEvent*>(staged_.data() + bytes_of_first(all_)));
    return bytes_of_first(all_) + n * sizeof(RowEvent);
}

template <class Number>
void DeviceNetwork<Number>::launch(EventBuffer& events) {
    if (rows_ == 0) return;
    enter_a_batch();
    events.sort(0, rows_);
    const size_t bytes = stage(events);
    newest_ = (newest_ + 1) % view_.W;
    check(cudaMemcpyAsync(input_.data(), staged_.data(), bytes, cudaMemcpyHostToDevice, stream_),
          "to copy events");
    const Batch batch{all_,
                      tiles(plan_, rows_),
                      1,
                      newest_,
                      reinterpret_cast<const int*>(input_.data()),
                      reinterpret_cast<const RowEvent*>(input_.data() + bytes_of_first(all_)),
                      history_.data(),
                      state_.data(),
                      outputs_.data()};
    step_kernel<Number><<<blocks_, threads, plan_.bytes, stream_>>>(view_, plan_, batch);
    check(cudaGetLastError(), "to launch a step");
    check(cudaMemcpyAsync(shown_.data(), outputs_.data(), shown_.size() * sizeof(float),
                          cudaMemcpyDeviceToHost, stream_),
          "to copy outputs");
}

template <class Number>
void DeviceNetwork<Number>::collect(EventBuffer&, float* outputs) {
    if (rows_ == 0) return;
    enter_a_batch();
    stream_.wait();
    std::copy_n(shown_.data(), shown_.size(), outputs);
}

// Between two steps nothing is under way in the stream.
template <class Number>
void DeviceNetwork<Number>::save(NetworkState& to) {
    enter_a_batch();
    std::vector<float> history = history_.read(), state = state_.read();
    ann::save(kept(view_, history.data(), state.data(), newest_, reset_.data()), to);
}

template <class Number>
void DeviceNetwork<Number>::load(const NetworkState& from) {
    enter_a_batch();
    std::vector<float> history(history_.size()), state(state_.size());  // rows beyond: as at reset
    ann::load(kept(view_, history.data(), state.data(), newest_, reset_.data()), from);
    history_.assign(history);
    state_.assign(state);
    check(cudaDeviceSynchronize(), "to load a state");
}

}  // namespace

std::vector<std::string> variants() {
    return {"bf16", "float32"};
}

std::unique_ptr<ann::Network> make_network(const std::string& variant, const Spec& spec) {
    const std::string wanted = variant.empty() ? variants().front() : variant;
    if (wanted == "bf16") return std::make_unique<DeviceNetwork<Bf16>>(spec, choose());
    if (wanted == "float32") return std::make_unique<DeviceNetwork<float>>(spec, choose());
    throw InputError("expected a variant of backend 'cuda' ('bf16', 'float32'), got '" + wanted +
                     "'");
}

}  // namespace ann::cuda

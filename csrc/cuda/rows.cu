// Rows on a CUDA device: one launch a bin, its events in, its voltages and spikes out.
#include "cuda/rows.h"

#include <algorithm>

#include "cuda/arrays.h"
#include "cuda/device.h"
#include "cuda/kernel.cuh"
#include "cuda/memory.cuh"
#include "cuda/results.h"
#include "errors.h"

namespace ann::cuda {
namespace {

template <class Number>
class DeviceRows final : public ann::Rows {
  public:
    DeviceRows(const Spec& spec, int device);
    void resize(int rows) override;
    void launch(double t0, EventBuffer& events) override;
    void collect(EventBuffer& events, double* v_end, std::vector<Spike>& spikes) override;
    std::vector<float> outputs() override;
    void save(EngineState& to) override;
    void load(const EngineState& from) override;
    DeviceArray on_device(const std::string& name) const override;

  private:
    void reset();
    void enter() const;
    void enter_a_batch() const;
    void enter_between_bins() const;
    void reserve(size_t events);
    size_t stage(const EventBuffer& events);

    int device_;
    Machine machine_{};
    View<Number> view_;  // of the arrays below
    Array<float> loss_, rates_, branch_w_, branch_b_, tree_units_, cable_, head_w2_, head_b2_,
        biases_;
    Array<int> first_target_, parents_;
    Array<Target> targets_;
    Array<Number> weights_;

    Array<double> ap_;

    std::vector<float> reset_;  // [units]: a tree's gates
    int rows_ = 0;              // -1: without memory
    Plan plan_{};
    int blocks_ = 1;
    Batch batch_{};
    Array<float> history_, state_, hazard_, outputs_;
    Array<double> last_, results_;  // results: v, then spikes
    // [all + 1] where a row's events start, then, 16-byte aligned, the events: one copy a bin
    Array<char> input_;
    Pinned<char> staged_;
    Pinned<double> shown_;  // of results_
    Stream stream_;         // the last: it ends before what it works on
};

int bound_to(int device) {
    check(cudaSetDevice(device), "to start");
    return device;
}

template <class Number>
DeviceRows<Number>::DeviceRows(const Spec& spec, int device) : device_(bound_to(device)) {
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
    view_.reading.ap = ap_.assign(packed.ap);
    reset_ = packed.gates_at_reset();
}

template <class Number>
void DeviceRows<Number>::enter() const {
    refuse_fork();
    check(cudaSetDevice(device_), "to start");
}

template <class Number>
void DeviceRows<Number>::enter_a_batch() const {
    enter();
    if (rows_ < 0) throw DeviceError("the batch has no memory on the GPU; use backend 'cpu'");
}

// Nothing is under way in the stream then.
template <class Number>
void DeviceRows<Number>::enter_between_bins() const {
    enter_a_batch();
    stream_.wait();
}

template <class Number>
void DeviceRows<Number>::resize(int rows) {
    rows_ = -1;  // until all memory is there
    enter();
    stream_.wait();
    const Plan plan = make_plan(view_, machine_, rows);
    const size_t all = static_cast<size_t>(filled_up(rows, most_rows));
    history_.allocate(all * view_.W * view_.GK);
    state_.allocate(all * view_.state);
    hazard_.allocate(all);
    outputs_.allocate(all * O);
    last_.allocate(all);
    results_.allocate(2 * all);
    shown_.allocate(2 * all);
    plan_ = plan;
    batch_ = {};
    batch_.rows = static_cast<int>(all), batch_.tiles = tiles(plan, rows), batch_.bins = 1;
    batch_.history = history_.data(), batch_.state = state_.data();
    batch_.hazard = hazard_.data(), batch_.last = last_.data();
    batch_.outputs = outputs_.data();
    batch_.v = results_.data(), batch_.spike = results_.data() + all;
    reserve(0);
    reset();
    // the function's, not these rows': others may be smaller
    check(cudaFuncSetAttribute(step_kernel<Number>, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(machine_.shared_bytes)),
          "to lay out shared memory");
    int of_one = 1;
    check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&of_one, step_kernel<Number>, threads,
                                                        plan_.bytes),
          "to lay out shared memory");
    blocks_ = std::min(batch_.tiles, std::max(of_one, 1) * machine_.multiprocessors);
    rows_ = rows;
}

template <class Number>
void DeviceRows<Number>::reset() {
    history_.clear();
    state_.clear();
    hazard_.clear();
    outputs_.clear();
    results_.assign(std::vector<double>(results_.size(), none));
    last_.assign(std::vector<double>(last_.size(), never));
    check(cudaDeviceSynchronize(), "to reset a batch");  // the memset is not in our stream
}

size_t bytes_of_first(int all) {
    return (static_cast<size_t>(all) + 1 + 3) / 4 * 4 * sizeof(int);
}

// Room for the events of a bin: grows a few times, then never again.
template <class Number>
void DeviceRows<Number>::reserve(size_t events) {
    const size_t before = bytes_of_first(batch_.rows), wanted = before + events * sizeof(RowEvent);
    if (wanted > std::min(staged_.size(), input_.size())) {  // one may have failed
        staged_.allocate(2 * wanted);
        input_.allocate(2 * wanted);
    }
    batch_.first = reinterpret_cast<const int*>(input_.data());
    batch_.events = reinterpret_cast<RowEvent*>(input_.data() + before);
}

// The bin's events into pinned memory; returns the bytes to copy.
template <class Number>
size_t DeviceRows<Number>::stage(const EventBuffer& events) {
    const size_t n = events.first()[rows_], before = bytes_of_first(batch_.rows);
    reserve(n);
    int* first = reinterpret_cast<int*>(staged_.data());
    for (int row = 0; row <= batch_.rows; ++row)
        first[row] = static_cast<int>(events.first()[std::min(row, rows_)]);
    std::copy_n(events.events(), n, reinterpret_cast<RowEvent*>(staged_.data() + before));
    return before + n * sizeof(RowEvent);
}

template <class Number>
void DeviceRows<Number>::launch(double t0, EventBuffer& events) {
    if (rows_ == 0) return;
    enter_a_batch();
    const size_t bytes = stage(events);
    batch_.newest = (batch_.newest + 1) % view_.W;
    batch_.t0 = t0;
    check(cudaMemcpyAsync(input_.data(), staged_.data(), bytes, cudaMemcpyHostToDevice, stream_),
          "to copy events");
    step_kernel<Number><<<blocks_, threads, plan_.bytes, stream_>>>(view_, plan_, batch_);
    check(cudaGetLastError(), "to launch a step");
    check(cudaMemcpyAsync(shown_.data(), results_.data(), shown_.size() * sizeof(double),
                          cudaMemcpyDeviceToHost, stream_),
          "to copy results");
}

template <class Number>
void DeviceRows<Number>::collect(EventBuffer& events, double* v_end, std::vector<Spike>& spikes) {
    if (rows_ == 0) return;
    enter_between_bins();
    hand_over({shown_.data(), shown_.data() + batch_.rows, rows_, batch_.t0}, events, v_end,
              spikes);
}

template <class Number>
std::vector<float> DeviceRows<Number>::outputs() {
    enter_between_bins();
    std::vector<float> all = outputs_.read();
    all.resize(static_cast<size_t>(rows_) * O);
    return all;
}

template <class Number>
void DeviceRows<Number>::save(EngineState& to) {
    enter_between_bins();
    std::vector<float> history = history_.read(), state = state_.read();
    ann::save(kept(view_, history.data(), state.data(), batch_.newest, reset_.data()), to.network);
    to.hazard = hazard_.read();
    to.hazard.resize(rows_);
    to.last_spike = last_.read();
    to.last_spike.resize(rows_);
}

template <class Number>
void DeviceRows<Number>::load(const EngineState& from) {
    enter_between_bins();
    std::vector<float> history(history_.size()), state(state_.size());  // rows beyond: as at reset
    ann::load(kept(view_, history.data(), state.data(), batch_.newest, reset_.data()),
              from.network);
    std::vector<float> hazard = from.hazard;
    std::vector<double> last = from.last_spike;
    hazard.resize(hazard_.size());
    last.resize(last_.size(), never);
    history_.assign(history);
    state_.assign(state);
    hazard_.assign(hazard);
    last_.assign(last);
    check(cudaDeviceSynchronize(), "to load a state");
}

template <class Number>
DeviceArray DeviceRows<Number>::on_device(const std::string& name) const {
    enter_between_bins();
    DeviceArray found = find_array(view_, batch_, rows_, name);
    found.device = device_;
    return found;
}

}  // namespace

std::vector<std::string> variants() {
    return {"bf16", "float32"};
}

std::unique_ptr<ann::Rows> make_rows(const std::string& variant, const Spec& spec) {
    const std::string wanted = variant.empty() ? variants().front() : variant;
    if (wanted == "bf16") return std::make_unique<DeviceRows<Bf16>>(spec, choose());
    if (wanted == "float32") return std::make_unique<DeviceRows<float>>(spec, choose());
    throw InputError("expected a variant of backend 'cuda' ('bf16', 'float32'), got '" + wanted +
                     "'");
}

}  // namespace ann::cuda

#include "rows.h"

#include "cpu/variants.h"
#include "cuda/host.h"
#ifdef ANN_WITH_CUDA
#include "cuda/rows.h"
#endif
#include "errors.h"
#include "network.h"
#include "readout.h"

namespace ann {
namespace {

// A network on the CPU, and its readout.
class CpuRows final : public Rows {
  public:
    CpuRows(const Spec& spec, std::unique_ptr<Network> network)
        : network_(std::move(network)), readout_(spec) {}

    void resize(int rows) override {
        network_->resize(rows);
        readout_.resize(rows);
        outputs_.assign(static_cast<size_t>(rows) * O, 0.f);
    }
    void launch(double t0, EventBuffer&) override { t0_ = t0; }
    void collect(EventBuffer& events, double* v_end, std::vector<Spike>& spikes) override {
        network_->step(events, outputs_.data());
        for (size_t row = 0; row < outputs_.size() / O; ++row)
            if (!is_finite(outputs_.data() + row * O))
                throw NonFiniteError(int(row), t0_, events.inputs(int(row)));
        readout_.step(t0_, outputs_.data(), v_end, spikes);
    }
    std::vector<float> outputs() override { return outputs_; }
    void save(EngineState& to) override {
        network_->save(to.network);
        readout_.save(to);
    }
    void load(const EngineState& from) override {
        network_->load(from.network);
        readout_.load(from);
    }

  private:
    std::unique_ptr<Network> network_;
    Readout readout_;
    double t0_ = 0;               // ms, of the bin that was launched
    std::vector<float> outputs_;  // [B, O]
};

std::unique_ptr<Rows> make_cuda_rows(const std::string& variant, const Spec& spec) {
    if (auto on_host = cuda::make_host_rows(variant, spec)) return on_host;
#ifdef ANN_WITH_CUDA
    return cuda::make_rows(variant, spec);
#else
    throw DeviceError(
        "backend 'cuda': ann_backend was built without CUDA: build it with nvcc on PATH and "
        "ANN_CUDA=ON; backend 'cpu' works without a GPU");
#endif
}

}  // namespace

DeviceArray Rows::on_device(const std::string& name) const {
    throw InputError("expected rows on a GPU (backend 'cuda') to hand out '" + name +
                     "' there, got rows on the CPU: use their voltages, spikes or save()");
}

std::unique_ptr<Rows> make_rows(const Backend& backend, const Spec& spec) {
    if (backend.threads < 1)
        throw InputError("expected threads >= 1, got " + std::to_string(backend.threads));
    if (backend.name == "cpu")
        return std::make_unique<CpuRows>(spec,
                                         cpu::make_network(backend.variant, backend.threads, spec));
    if (backend.name == "cuda") return make_cuda_rows(backend.variant, spec);
    throw InputError("expected backend 'cpu' or 'cuda', got '" + backend.name + "'");
}

}  // namespace ann

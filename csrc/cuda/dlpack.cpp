#include "cuda/dlpack.h"

#include <memory>

namespace py = pybind11;

namespace ann::cuda {
namespace {

// The layout of dmlc/dlpack's DLManagedTensor, of the capsule "dltensor".
struct Device {
    int32_t type, id;
};
struct Type {
    uint8_t code, bits;
    uint16_t lanes;
};
struct Tensor {
    void* data;
    Device device;
    int32_t ndim;
    Type type;
    int64_t *shape, *strides;  // in elements
    uint64_t byte_offset;
};
struct Managed {
    Tensor tensor;
    void* context;
    void (*deleter)(Managed*);
};

constexpr int32_t on_cpu = 1, on_cuda = 2;
constexpr uint8_t floating = 2;
constexpr const char* name = "dltensor";  // renamed by who takes it

struct Kept {
    Managed managed;
    std::vector<int64_t> shape, strides;
    py::object owner;
};

void give_up(Managed* managed) {
    py::gil_scoped_acquire gil;
    delete static_cast<Kept*>(managed->context);
}

void drop(PyObject* capsule) {
    if (!PyCapsule_IsValid(capsule, name)) return;
    give_up(static_cast<Managed*>(PyCapsule_GetPointer(capsule, name)));
}

Device place(const DeviceArray& array) {
    return array.device < 0 ? Device{on_cpu, 0} : Device{on_cuda, array.device};
}

}  // namespace

py::tuple dlpack_device(const DeviceArray& array) {
    const Device device = place(array);
    return py::make_tuple(device.type, device.id);
}

py::capsule dlpack(const DeviceArray& array, const py::object& owner) {
    const size_t size = array.type[2] == '8' ? 8 : 4;
    auto kept = std::make_unique<Kept>();
    kept->owner = owner;
    kept->shape.assign(array.shape.begin(), array.shape.end());
    for (size_t stride : array.strides) kept->strides.push_back(int64_t(stride / size));
    Tensor& t = kept->managed.tensor;
    t.data = const_cast<void*>(array.data);
    t.device = place(array);
    t.ndim = int32_t(kept->shape.size());
    t.type = {floating, uint8_t(8 * size), 1};
    t.shape = kept->shape.data();
    t.strides = kept->strides.data();
    kept->managed.context = kept.get();
    kept->managed.deleter = give_up;
    const py::capsule capsule(&kept->managed, name, drop);
    (void)kept.release();
    return capsule;
}

}  // namespace ann::cuda

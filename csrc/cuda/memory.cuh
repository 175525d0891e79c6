// Memory that CUDA gives: freed by its owner, unless a fork has made it another process's.
#pragma once
#include <cuda_runtime.h>

#include <utility>
#include <vector>

#include "device.h"

namespace ann::cuda {

// An array on the device, or, if pinned, on the host where the device's copies need no detour.
template <class T, bool pinned = false>
class Array {
  public:
    Array() = default;
    Array(const Array&) = delete;
    Array& operator=(const Array&) = delete;
    ~Array() { release(); }

    T* data() const { return data_; }
    size_t size() const { return size_; }

    void allocate(size_t n) {  // contents undefined
        if (n == size_) return;
        release();
        if (n == 0) return;
        void* memory = nullptr;
        if (pinned)
            check(cudaMallocHost(&memory, n * sizeof(T)), "to allocate pinned memory");
        else
            check(cudaMalloc(&memory, n * sizeof(T)), "to allocate a batch");
        data_ = static_cast<T*>(memory);
        size_ = n;
    }
    void clear() {
        if (size_) check(cudaMemset(data_, 0, size_ * sizeof(T)), "to reset a batch");
    }
    const T* assign(const std::vector<T>& values) {
        allocate(values.size());
        if (size_)
            check(cudaMemcpy(data_, values.data(), size_ * sizeof(T), cudaMemcpyHostToDevice),
                  "to copy to it");
        return data_;
    }

    std::vector<T> read() const {
        std::vector<T> values(size_);
        if (size_)
            check(cudaMemcpy(values.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost),
                  "to copy a state");
        return values;
    }

  private:
    void release() {  // errors here have been reported by the call that met them
        if (data_ && owned()) static_cast<void>(pinned ? cudaFreeHost(data_) : cudaFree(data_));
        data_ = nullptr;
        size_ = 0;
    }

    T* data_ = nullptr;
    size_t size_ = 0;
};

template <class T>
using Pinned = Array<T, true>;

// It waits for what is under way in the legacy default stream, where cupy and torch read the arrays
// that are handed out, and that one for it.
class Stream {
  public:
    Stream() { check(cudaStreamCreate(&stream_), "to start"); }
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;
    ~Stream() {
        if (!owned()) return;
        static_cast<void>(cudaStreamSynchronize(stream_));
        static_cast<void>(cudaStreamDestroy(stream_));
    }
    operator cudaStream_t() const { return stream_; }
    void wait() const { check(cudaStreamSynchronize(stream_), "in a step"); }

  private:
    cudaStream_t stream_ = nullptr;
};

}  // namespace ann::cuda

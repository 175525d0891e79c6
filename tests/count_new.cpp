// Counts every operator new of the process (preload it), and steps a population as _neuron does.
#include <atomic>
#include <cstdlib>
#include <new>

#include "population.h"

static std::atomic<long> count{0};

static void* take(std::size_t n, std::size_t alignment) {
    ++count;
    n = (n + alignment - 1) / alignment * alignment;
    if (void* p = std::aligned_alloc(alignment, n)) return p;
    throw std::bad_alloc();
}

void* operator new(std::size_t n) {
    return take(n, 16);
}
void* operator new[](std::size_t n) {
    return take(n, 16);
}
void* operator new(std::size_t n, std::align_val_t a) {
    return take(n, std::size_t(a));
}
void* operator new[](std::size_t n, std::align_val_t a) {
    return take(n, std::size_t(a));
}
void operator delete(void* p) noexcept {
    std::free(p);
}
void operator delete[](void* p) noexcept {
    std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
    std::free(p);
}
void operator delete[](void* p, std::size_t) noexcept {
    std::free(p);
}
void operator delete(void* p, std::align_val_t) noexcept {
    std::free(p);
}
void operator delete[](void* p, std::align_val_t) noexcept {
    std::free(p);
}
void operator delete(void* p, std::size_t, std::align_val_t) noexcept {
    std::free(p);
}
void operator delete[](void* p, std::size_t, std::align_val_t) noexcept {
    std::free(p);
}

extern "C" long allocations() {
    return count;
}

// Allocations of bins 1 .. bins - 1, after the fullest one, bin 0.
extern "C" long allocations_of_steps(ann::Population* population, int bins) {
    const int rows = population->rows();
    std::vector<ann::Event> events(7 * rows);
    std::vector<double> v(rows);
    std::vector<ann::Spike> spikes;
    spikes.reserve(rows);
    long before = 0;
    for (int bin = 0; bin < bins; ++bin) {
        const int n = int(events.size()) - bin % 5 * rows;
        for (int i = 0; i < n; ++i)
            events[i] = {bin + (i * 37 % 100) / 100., .01, i % rows, i % population->channels()};
        spikes.clear();
        population->step(bin, events.data(), n, v.data(), spikes);
        if (bin == 0) before = count;
    }
    return count - before;
}

// Stage 3: events -> exponential traces of a row at the bin's end.
#pragma once
#include "../activations.h"
#include "packed.h"
#include "simd.h"

namespace ann::cpu {
namespace {

// now <- old - old (1 - exp(-bin / tau)); a rounded exp(-bin / tau) would bias slow traces.
inline void decay(const Packed& p, const float* old, float* now) {
    const float* loss = p.loss.data;
    for (int i = 0; i < p.traces; i += lanes) {
        const Vec a = load(old + i);
        store(now + i, less(a, a, load(loss + i)));
    }
}

// n groups at once, all read before one is written: a load that waits for the store before it,
// as processors guess that it must, would make a chain of them.
template <int n>
inline void add_to(int K4, const Target* target, float weight, const float* faded, float* traces) {
    for (int k = 0; k < K4; k += 4) {
        Quad a[n];
        for (int i = 0; i < n; ++i)
            a[i] = fused(Quad(target[i].gain * weight), load4(faded + target[i].clock + k),
                         load4(traces + target[i].at + k));
        for (int i = 0; i < n; ++i) store4(traces + target[i].at + k, a[i]);
    }
}

// The event's part, embedding * weight * exp(-age / tau). faded [>= all of a channel's clocks]:
// scratch.
inline void add(const Packed& p, const RowEvent& event, float* traces, float* faded) {
    const Channel& channel = p.channels.data[event.channel];
    const Vec age(event.age);
    for (int k = 0; k < channel.clocks; k += lanes) {
        const float* rate = p.rates.data + channel.rates + 2 * k;
        store(faded + k, exp2(load(rate) * age) * load(rate + lanes));
    }
    const Target* target = p.targets.data + channel.first;
    const Target* last = p.targets.data + channel.last;
    for (; target + 2 <= last; target += 2) add_to<2>(p.K4, target, event.weight, faded, traces);
    if (target < last) add_to<1>(p.K4, target, event.weight, faded, traces);
}

}  // namespace
}  // namespace ann::cpu

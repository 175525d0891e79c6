// Stage 1: events -> exponential traces of a row at the bin's end.
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

// The event's part, embedding * weight * exp(-age / tau). faded [>= all of a channel's clocks]:
// scratch.
inline void add(const Packed& p, const RowEvent& event, float* traces, float* faded) {
    const Channel& channel = p.channels.data[event.channel];
    const Vec age(event.age);
    for (int k = 0; k < channel.clocks; k += lanes) {
        const float* rate = p.rates.data + channel.rates + 2 * k;
        store(faded + k, exp2(load(rate) * age) * load(rate + lanes));
    }
    for (int i = channel.first; i < channel.last; ++i) {
        const Target& target = p.targets.data[i];
        const Quad size(target.gain * event.weight);
        float* a = traces + target.at;
        const float* e = faded + target.clock;
        for (int k = 0; k < p.K4; k += 4) store4(a + k, fused(size, load4(e + k), load4(a + k)));
    }
}

}  // namespace
}  // namespace ann::cpu

// The order in which a row's events are summed, whoever sorts them.
#pragma once
#include "activations.h"
#include "types.h"

namespace ann {

// A total order: events that it holds equal are equal. Oldest first.
ANN_BOTH inline bool is_before(const RowEvent& a, const RowEvent& b) {
    if (a.age != b.age) return a.age > b.age;
    if (a.channel != b.channel) return a.channel < b.channel;
    return a.weight < b.weight;
}

// Shell's: in place, no stack, and little work where they mostly are in order.
ANN_BOTH inline void sort_row(RowEvent* events, int n) {
    for (int gap = n / 2; gap > 0; gap /= 2)
        for (int i = gap; i < n; ++i) {
            const RowEvent event = events[i];
            int at = i;
            for (; at >= gap && is_before(event, events[at - gap]); at -= gap)
                events[at] = events[at - gap];
            events[at] = event;
        }
}

}  // namespace ann

// The events of one bin, checked and sorted: by row, then in an order that does not depend on how
// they arrived.
#pragma once
#include <vector>

#include "types.h"

namespace ann {

class EventBuffer {
  public:
    explicit EventBuffer(int channels) : C_(channels) {}  // that callers may use

    void resize(int rows);

    // Takes the events of the bin [t0, t0 + 1) ms, and spikes of the bin before as events, 1 ms
    // later, of the channel behind the callers'. Throws InputError, and then holds none.
    void take(double t0, const Event* events, size_t n, const std::vector<Spike>& fed_back);

    // Orders the events of rows first .. last - 1; other rows may be ordered at the same time.
    void sort(int first, int last);

    const RowEvent* events() const { return events_.data(); }
    const size_t* first() const { return first_.data(); }  // [B + 1]: where a row's events start
    size_t inputs(int row) const { return first_[row + 1] - first_[row]; }

  private:
    void refuse(double t0, const Event& event) const;
    void put(double t_end, const Event& event);

    int C_, rows_ = 0;
    std::vector<RowEvent> events_;      // by row
    std::vector<size_t> first_, next_;  // [B + 1]
};

}  // namespace ann

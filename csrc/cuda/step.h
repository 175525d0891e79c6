// Some bins of one tile of rows, the stages in order: what the kernel runs, and what host.cpp runs
// on the CPU. Threads meet only through Block: `each` and `each_warp` share out independent items
// and end in a barrier, so that no stage can see a half-written one.
#pragma once
#include "../order.h"
#include "batch.h"
#include "packed.h"
#include "plan.h"
#include "tree.h"

namespace ann::cuda {

// Stages 2 to 11 of one tile of work. Block is the device's, or the host's.
template <class Number, class Block>
class Tile {
  public:
    ANN_BOTH Tile(const View<Number>& view, const Plan& plan, const Batch& batch, Block& block,
                  char* shared)
        : v_(view), p_(plan), b_(batch), block_(block), shared_(shared) {}

    // Once, before the first tile: weights to shared memory, zeros to where no stage writes.
    ANN_BOTH void prepare() {
        struct alignas(16) Sixteen {
            char bytes[16];
        };
        block_.each(static_cast<int>(p_.resident * sizeof(Number) / 16), [&](int i) {
            reinterpret_cast<Sixteen*>(shared_)[i] =
                reinterpret_cast<const Sixteen*>(v_.weights)[i];
        });
        block_.each(static_cast<int>((p_.hidden - p_.u) / 4),
                    [&](int i) { reinterpret_cast<uint32_t*>(shared_ + p_.u)[i] = 0; });
    }

    ANN_BOTH void run(int index) {
        from_ = static_cast<size_t>(index) * p_.rows;
        recall();
        for (int bin = 0; bin < b_.bins; ++bin) {
            order(bin);
            traces(bin);
            if (v_.N)
                tree(bin);
            else
                branches(bin);
            if (v_.P16) mix();
            for (int layer = 0; layer < v_.L; ++layer) lstm(layer, bin);
            head(bin);
            read(bin);
        }
    }

  private:
    ANN_BOTH Number* numbers(size_t at) const { return reinterpret_cast<Number*>(shared_ + at); }
    ANN_BOTH float* floats(size_t at) const { return reinterpret_cast<float*>(shared_ + at); }
    ANN_BOTH Number* h(int layer, int bin) const {
        const size_t of_one = static_cast<size_t>(p_.rows) * stride_of(v_.H16);
        return numbers(p_.h) + (2 * layer + (bin & 1)) * of_one;
    }
    ANN_BOTH float* state(int row) const { return b_.state + (from_ + row) * v_.state; }
    ANN_BOTH float* voltages(int row) const { return state(row) + 2 * v_.L * v_.H16; }
    ANN_BOTH int slot(int bin, int ago) const { return (b_.newest + bin + v_.W - ago) % v_.W; }
    ANN_BOTH float* history(int row, int at) const {
        return b_.history + ((from_ + row) * v_.W + at) * v_.GK;
    }

    // h of the bin before, from the batch's state.
    ANN_BOTH void recall() {
        const int n = v_.L * v_.H16;
        block_.each(p_.rows * n, [&](int i) {
            const int row = i / n, layer = i % n / v_.H16, unit = i % v_.H16;
            h(layer, 0)[row * stride_of(v_.H16) + unit] =
                as<Number>(state(row)[2 * layer * v_.H16 + unit]);
        });
    }

    ANN_BOTH const int* first_of(int bin) const {
        return b_.first + static_cast<size_t>(bin) * (b_.rows + 1) + from_;
    }

    ANN_BOTH void order(int bin) {
        const int* first = first_of(bin);
        block_.each(p_.rows, [&](int row) {
            sort_row(b_.events + first[row], first[row + 1] - first[row]);
        });
    }

    // A row belongs to a warp, and of its traces lane i has i, i + 32, ...: it alone changes them,
    // event by event in their order.
    ANN_BOTH void traces(int bin) {
        block_.each(p_.rows * warp_size, [&](int i) {
            const int row = i / warp_size, lane = i % warp_size;
            const float* old = history(row, slot(bin, 1));
            float* now = history(row, slot(bin, 0));
            for (int k = lane; k < v_.GK; k += warp_size) now[k] = decayed(old[k], v_.loss[k]);
            const int* first = first_of(bin) + row;
            for (int e = first[0]; e < first[1]; ++e) add(b_.events[e], now, lane);
        });
    }

    // a (1 - loss); a rounded exp(-bin / tau) would bias slow traces. None becomes subnormal.
    ANN_BOTH static float decayed(float a, float loss) {
        const float left = fused(Real(-a), Real(loss), Real(a)).value;
        return left < 1e-25f && left > -1e-25f ? 0.f : left;
    }

    ANN_BOTH void add(const RowEvent& event, float* now, int lane) const {
        for (int t = v_.first[event.channel]; t < v_.first[event.channel + 1]; ++t) {
            const Target target = v_.targets[t];
            const Real size(target.gain * event.weight);
            for (int k = (lane - target.at) & (warp_size - 1); k < v_.K; k += warp_size) {
                const int i = target.at + k;
                now[i] = fused(size, exp2(Real(v_.rates[i] * event.age)), Real(now[i])).value;
            }
        }
    }

    ANN_BOTH void branches(int bin) {
        Number* u = numbers(p_.u);
        block_.each(p_.rows * v_.units, [&](int item) {
            const int row = item / v_.units, unit = item % v_.units;
            u[row * stride_of(v_.D16) + unit] = as<Number>(branch_unit(row, unit, bin));
        });
    }

    ANN_BOTH float branch_unit(int row, int unit, int bin) const {
        const float* w = v_.branch_w + unit;
        Real sum(v_.branch_b[unit]);
        for (int j = 0; j < v_.W; ++j) {
            const float* a = history(row, slot(bin, j)) + unit / v_.U * v_.RK;
            for (int i = 0; i < v_.RK; ++i, w += v_.units) sum = fused(Real(a[i]), Real(*w), sum);
        }
        return ann::at_least(sum.value, 0.f);
    }

    // A thread for a branch, then one for a row.
    ANN_BOTH void tree(int bin) {
        block_.each(p_.rows * v_.N, [&](int item) { conductances(item / v_.N, item % v_.N, bin); });
        block_.each(p_.rows, [&](int row) {
            solve(v_.parents, v_.cable + 2 * v_.N, v_.N, of_tree(row), of_tree(row) + v_.N);
        });
        Number* x = numbers(p_.u);
        block_.each(p_.rows * v_.N, [&](int item) {
            const int row = item / v_.N, n = item % v_.N;
            const float v = of_tree(row)[v_.N + n];
            voltages(row)[n] = v;
            x[row * stride_of(v_.D16) + n] = as<Number>(v);
        });
    }

    // What each branch of a row has of its own [N], and what flows into it [N].
    ANN_BOTH float* of_tree(int row) const { return floats(p_.tree) + row * tree_stride(v_.N); }

    // Moves a branch's gates by a bin.
    ANN_BOTH void conductances(int row, int n, int bin) const {
        const Real one(1.f), v(voltages(row)[n]);
        const float* cable = v_.cable + n;
        Real own(cable[v_.N]), inflow = fused(Real(cable[0]), v, Real(cable[3 * v_.N]));
        for (int i = n * v_.U; i < (n + 1) * v_.U; ++i) {
            const float* unit = v_.tree_units + i;
            const auto plane = [&](int k) { return Real(unit[k * v_.units]); };
            float& moved = voltages(row)[v_.N + i];
            const Real wanted = one / (one + exp2(fused(plane(0), v, plane(1))));
            moved = fused(plane(2), wanted - (plane(6) + Real(moved)), Real(moved)).value;
            const Real open = (plane(6) + Real(moved)) / (one + exp2(fused(plane(4), v, plane(5))));
            const Real g = Real(branch_unit(row, i, bin)) * open;
            own = own + g;
            inflow = fused(g, plane(3), inflow);
        }
        of_tree(row)[n] = own.value;
        of_tree(row)[v_.N + n] = inflow.value;
    }

    // y = x @ w + bias for one tile of rows and one of columns by each warp; write(row, column, y).
    template <class Write>
    ANN_BOTH void dense(const Dense& d, const Number* x, int stride, const Write& write) {
        const int row_tiles = p_.rows / tile;
        block_.each_warp(d.panels * row_tiles, [&](int item, auto& warp) {
            const int panel = item / row_tiles, row = item % row_tiles * tile;
            typename Block::template Sums<Number, 1> y;
            y.load(0, v_.biases + d.bias + static_cast<size_t>(panel) * tile * tile, tile);
            with_panel(d, panel,
                       [&](const Number* w) { y.multiply(x + row * stride, stride, d.in, w); });
            float* scratch = scratch_of(warp);
            y.store(0, scratch, scratch_stride);
            warp.sync();
            warp.each(tile * tile, [&](int i) {
                write(row + i / tile, panel * tile + i % tile,
                      scratch[i / tile * scratch_stride + i % tile]);
            });
        });
    }

    template <class Warp>
    ANN_BOTH float* scratch_of(const Warp& warp) const {
        return floats(p_.scratch) + warp.index * scratch_size;
    }
    // use(panel's weights), in two branches: each knows which memory it reads.
    template <class Use>
    ANN_BOTH void with_panel(const Dense& d, int panel, const Use& use) const {
        const size_t at = d.at + static_cast<size_t>(panel) * d.in * stride_of(d.columns);
        if (d.at < p_.resident)
            use(numbers(0) + at);
        else
            use(v_.weights + at);
    }

    ANN_BOTH void mix() {
        Number* f = numbers(p_.f);
        const int stride = stride_of(v_.P16);
        dense(v_.mix, numbers(p_.u), stride_of(v_.D16), [&](int row, int column, float y) {
            f[row * stride + column] = as<Number>(signed_root(Real(y)).value);
        });
    }

    // Gates and cell of one tile of rows and one of units by each warp. The pre-activations of the
    // four gates stay in registers: element e of each is of the same row and unit.
    ANN_BOTH void lstm(int layer, int bin) {
        const Dense& d = v_.lstm[layer];
        const int row_tiles = p_.rows / tile, h_stride = stride_of(v_.H16);
        const Number* x = layer ? h(layer - 1, bin + 1) : numbers(v_.P16 ? p_.f : p_.u);
        const int x_stride = layer ? h_stride : stride_of(v_.P16 ? v_.P16 : v_.D16);
        const Number* before = h(layer, bin);
        Number* now = h(layer, bin + 1);
        block_.each_warp(d.panels * row_tiles, [&](int item, auto& warp) {
            const int panel = item / row_tiles, row = item % row_tiles * tile;
            const int unit = panel * tile, x_in = d.in - v_.H16;
            const float* bias = v_.biases + d.bias + static_cast<size_t>(panel) * tile * d.columns;
            typename Block::template Sums<Number, gates> y;
            for (int gate = 0; gate < gates; ++gate) y.load(gate, bias + gate * tile, d.columns);
            with_panel(d, panel, [&](const Number* w) {
                y.multiply(x + row * x_stride, x_stride, x_in, w);
                y.multiply(before + row * h_stride, h_stride, v_.H16,
                           w + static_cast<size_t>(x_in) * stride_of(d.columns));
            });

            float* own = state(row) + 2 * layer * v_.H16 + unit;  // h, and H16 further c
            typename Block::template Sums<Number, 1> c;
            c.load(0, own + v_.H16, v_.state);
            for (int e = 0; e < c.elements; ++e) {
                const Real cell = lstm_cell(Real(y.at(0, e)), Real(y.at(1, e)), Real(y.at(2, e)),
                                            Real(c.at(0, e)));
                y.at(0, e) = lstm_shown(Real(y.at(3, e)), cell).value;
                c.at(0, e) = cell.value;
            }
            c.store(0, own + v_.H16, v_.state);
            float* scratch = scratch_of(warp);
            y.store(0, scratch, scratch_stride);
            warp.sync();
            warp.each(tile * tile, [&](int i) {
                const float shown = scratch[i / tile * scratch_stride + i % tile];
                own[static_cast<size_t>(i / tile) * v_.state + i % tile] = shown;
                now[(row + i / tile) * h_stride + unit + i % tile] = as<Number>(shown);
            });
        });
    }

    ANN_BOTH void head(int bin) {
        float* hidden = floats(p_.hidden);
        const int stride = v_.M16 + 1;
        dense(v_.head1, h(v_.L - 1, bin + 1), stride_of(v_.H16),
              [&](int row, int m, float y) { hidden[row * stride + m] = ann::at_least(y, 0.f); });
        float* outputs = b_.outputs + (static_cast<size_t>(bin) * b_.rows + from_) * O;
        block_.each(p_.rows * O, [&](int i) {
            const int row = i / O, o = i % O;
            Real sum(v_.head_b2[o]);
            for (int m = 0; m < v_.M; ++m)
                sum = fused(Real(hidden[row * stride + m]), Real(v_.head_w2[m * O + o]), sum);
            outputs[i] = sum.value;
        });
    }

    ANN_BOTH void read(int bin) {
        const double t0 = b_.t0 + bin * bin_ms;
        const size_t first = static_cast<size_t>(bin) * b_.rows + from_;
        block_.each(p_.rows, [&](int row) {
            const float* y = b_.outputs + (first + row) * O;
            double& last = b_.last[from_ + row];
            const bool spike = spikes_in(v_.reading, t0, y, b_.hazard[from_ + row], last);
            b_.spike[first + row] = spike ? last : none;
            b_.v[first + row] = is_finite(y) ? voltage(v_.reading, t0 + bin_ms, y[2], last) : none;
        });
    }

    const View<Number>& v_;
    const Plan& p_;
    const Batch& b_;
    Block& block_;
    char* shared_;
    size_t from_ = 0;  // first row
};

}  // namespace ann::cuda

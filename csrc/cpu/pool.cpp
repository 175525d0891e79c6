#include "cpu/pool.h"

#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace ann::cpu {
namespace {

// Waits about as long as it takes to wake a thread, and offers the core to others meanwhile.
template <class Ready>
bool soon(Ready ready) {
    using Clock = std::chrono::steady_clock;
    const auto end = Clock::now() + std::chrono::microseconds(30);
    do {
        if (ready()) return true;
        sched_yield();
    } while (Clock::now() < end);
    return ready();
}

}  // namespace

struct Pool::Team {
    struct Round {
        uint32_t number = 0;
        int jobs = 0;
        Job job = nullptr;
        void* context = nullptr;
    };

    std::mutex mutex;
    std::condition_variable begun, ended;
    Round round;                      // under the mutex
    bool stopping = false;            // under the mutex
    std::atomic<uint32_t> number{0};  // of the round, to look at without the mutex
    std::atomic<uint64_t> next{0};    // round's number << 32 | its next job
    std::atomic<int> unfinished{0};   // jobs of the round
    std::vector<std::thread> threads;

    // Takes jobs while the round lasts. One that comes late finds another number in `next`.
    void work(const Round& r, int thread) {
        uint64_t ticket = next.load();
        for (;;) {
            const uint32_t job = static_cast<uint32_t>(ticket);
            if (ticket >> 32 != r.number || job >= static_cast<uint32_t>(r.jobs)) return;
            if (!next.compare_exchange_weak(ticket, ticket + 1)) continue;
            r.job(r.context, static_cast<int>(job), thread);
            if (unfinished.fetch_sub(1) == 1) {
                const std::lock_guard<std::mutex> lock(mutex);
                ended.notify_one();
            }
            ticket = next.load();
        }
    }

    void serve(int thread) {
        uint32_t done = 0;
        for (;;) {
            soon([&] { return number.load() != done; });
            Round r;
            {
                std::unique_lock<std::mutex> lock(mutex);
                begun.wait(lock, [&] { return stopping || round.number != done; });
                if (stopping) return;
                r = round;
            }
            done = r.number;
            work(r, thread);
        }
    }
};

Pool::Pool(int threads) : threads_(threads) {
    start();
}

Pool::~Pool() {
    if (process_ != getpid()) {
        static_cast<void>(team_.release());  // its threads live in the parent only
        return;
    }
    {
        const std::lock_guard<std::mutex> lock(team_->mutex);
        team_->stopping = true;
        ++team_->number;
    }
    team_->begun.notify_all();
    for (std::thread& thread : team_->threads) thread.join();
}

void Pool::start() {
    process_ = getpid();
    static_cast<void>(team_.release());
    team_ = std::make_unique<Team>();
    for (int i = 1; i < threads_; ++i)
        team_->threads.emplace_back([team = team_.get(), i] { team->serve(i); });
}

void Pool::run(int jobs, Job job, void* context) {
    if (process_ != getpid()) start();
    if (threads_ == 1 || jobs < 2) {
        for (int i = 0; i < jobs; ++i) job(context, i, 0);
        return;
    }
    Team& team = *team_;
    Team::Round round;
    {
        const std::lock_guard<std::mutex> lock(team.mutex);
        team.round = round = {team.round.number + 1, jobs, job, context};
        team.unfinished = jobs;
        team.next = static_cast<uint64_t>(round.number) << 32;
        team.number = round.number;
    }
    team.begun.notify_all();
    team.work(round, 0);
    const auto done = [&] { return team.unfinished.load() == 0; };
    if (soon(done)) return;
    std::unique_lock<std::mutex> lock(team.mutex);
    team.ended.wait(lock, done);
}

}  // namespace ann::cpu

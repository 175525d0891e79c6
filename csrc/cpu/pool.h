// Threads that share the blocks of a step. Whoever is free takes the next block, so a thread that
// loses its core delays the others by one block; who has nothing to do sleeps.
#pragma once
#include <memory>

namespace ann::cpu {

class Pool {
  public:
    using Job = void (*)(void* context, int job, int thread);

    explicit Pool(int threads);  // in all, the caller's among them
    ~Pool();

    // job(context, 0 .. jobs - 1, thread), each once, in any order, on threads 0 .. threads - 1.
    // Returns when all are done. Allocates nothing, except after a fork: threads do not survive
    // one, and are started again.
    void run(int jobs, Job job, void* context);

    int threads() const { return threads_; }

  private:
    struct Team;
    void start();

    int threads_, process_;
    std::unique_ptr<Team> team_;
};

}  // namespace ann::cpu

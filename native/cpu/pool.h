// Threads that share the tasks of one call. They sleep on a condition variable while there is nothing to do:
// several processes may share the machine.
#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "arena.h"

namespace r3mes::cpu {

class Pool {
 public:
  /** Asked before every task, from any thread of the pool; true ends the call with CANCELLED. */
  using Cancelled = std::function<bool()>;
  using Task = std::function<void(int index, Arena& arena)>;

  /** `threads` counts the calling thread. */
  Pool(int threads, Cancelled cancelled);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int threads() const { return static_cast<int>(workers_.size()) + 1; }

  /**
   * Runs task(0) … task(count − 1), each once, on any thread and in any order, and waits for all of them. Of the tasks
   * that failed, the first one's exception is thrown: tasks are handed out in order, so it does not depend on timing.
   */
  void run(int count, const Task& task);

 private:
  void worker(std::size_t arena);
  void take_tasks(Arena& arena);

  Cancelled cancelled_;
  std::vector<Arena> arenas_;
  std::vector<std::thread> workers_;

  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  std::uint64_t round_ = 0;
  bool open_ = false;
  bool stop_ = false;
  int busy_ = 0;

  const Task* task_ = nullptr;
  int count_ = 0;
  std::atomic<int> next_{0};
  std::atomic<bool> failed_{false};
  int failed_index_ = 0;
  std::exception_ptr failure_;
};

}  // namespace r3mes::cpu

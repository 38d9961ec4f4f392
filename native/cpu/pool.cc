#include "pool.h"

#include <utility>

#include "failure.h"
#include "fpenv.h"

namespace r3mes::cpu {

Pool::Pool(int threads, Cancelled cancelled)
    : cancelled_(std::move(cancelled)), arenas_(static_cast<std::size_t>(threads)) {
  try {
    for (int i = 1; i < threads; ++i) workers_.emplace_back(&Pool::worker, this, static_cast<std::size_t>(i));
  } catch (const std::exception&) {
    // The system gives no more threads: those that exist do all the work, with the same result.
  }
}

Pool::~Pool() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : workers_) thread.join();
}

void Pool::take_tasks(Arena& arena) {
  while (!failed_.load(std::memory_order_acquire)) {
    const int index = next_.fetch_add(1, std::memory_order_relaxed);
    if (index >= count_) return;
    try {
      if (cancelled_()) throw Failure(R3MES_CANCELLED, "the computation was cancelled");
      arena.reset();
      (*task_)(index, arena);
    } catch (...) {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (failure_ == nullptr || index < failed_index_) {
        failure_ = std::current_exception();
        failed_index_ = index;
      }
      failed_.store(true, std::memory_order_release);
    }
  }
}

void Pool::worker(std::size_t arena) {
  const FloatEnvironment environment;
  std::uint64_t seen = 0;
  std::unique_lock<std::mutex> lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return stop_ || (open_ && round_ != seen); });
    if (stop_) return;
    seen = round_;
    ++busy_;
    lock.unlock();
    take_tasks(arenas_[arena]);
    lock.lock();
    --busy_;
    if (busy_ == 0) done_.notify_one();
  }
}

void Pool::run(int count, const Task& task) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    task_ = &task;
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    failed_.store(false, std::memory_order_relaxed);
    failure_ = nullptr;
    open_ = true;
    ++round_;
  }
  if (count > 1 && !workers_.empty()) wake_.notify_all();
  take_tasks(arenas_[0]);
  std::unique_lock<std::mutex> lock(mutex_);
  open_ = false;
  done_.wait(lock, [&] { return busy_ == 0; });
  if (failure_ != nullptr) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace r3mes::cpu

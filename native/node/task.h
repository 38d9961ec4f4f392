// Work off the main thread as a promise.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "values.h"

namespace r3mes::node {

/**
 * Runs `work` on a thread of libuv's pool, then `finish` on the main thread; its value resolves the promise, a status
 * other than OK rejects it. `work` sees no JavaScript: it gets memory that `pins` keeps alive.
 */
class Task : public Napi::AsyncWorker {
 public:
  using Work = std::function<r3mes_status(r3mes_error*)>;
  using Finish = std::function<Napi::Value(Napi::Env)>;

  static Napi::Value start(Napi::Env env, Pins pins, Work work, Finish finish) {
    auto* task = new Task(env, std::move(pins), std::move(work), std::move(finish));
    const Napi::Promise promise = task->deferred_.Promise();
    task->Queue();
    return promise;
  }

 protected:
  void Execute() override { status_ = work_(&error_); }

  void OnOK() override {
    const Napi::Env env = Env();
    try {
      if (status_ != R3MES_OK) throw make_error(env, status_, error_.message);
      deferred_.Resolve(finish_(env));
    } catch (const Napi::Error& error) {
      reject(error);
    }
  }

  void OnError(const Napi::Error& error) override { reject(error); }

 private:
  void reject(const Napi::Error& error) {
    try {
      deferred_.Reject(error.Value());
    } catch (const Napi::Error&) {
      // The environment is ending (a worker thread that was terminated), and nothing of JavaScript runs in it any more: nobody
      // waits for the promise, and an exception that left us here would end the whole process.
    }
  }

  Task(Napi::Env env, Pins pins, Work work, Finish finish)
      : Napi::AsyncWorker(env, "r3mes"),
        deferred_(Napi::Promise::Deferred::New(env)),
        pins_(std::move(pins)),
        work_(std::move(work)),
        finish_(std::move(finish)) {}

  Napi::Promise::Deferred deferred_;
  Pins pins_;
  Work work_;
  Finish finish_;
  r3mes_status status_ = R3MES_OK;
  r3mes_error error_{};
};

/** What a task hands from its work to its end. */
template <typename T>
std::shared_ptr<T> shared(T value = {}) {
  return std::make_shared<T>(std::move(value));
}

}  // namespace r3mes::node

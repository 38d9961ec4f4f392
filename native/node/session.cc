#include "session.h"

#include <atomic>
#include <memory>
#include <string>

#include "model.h"
#include "r3mes/generate.h"
#include "run.h"
#include "task.h"

namespace r3mes::node {

namespace {

/** A session with what it reads. */
struct Held {
  SharedModel model;
  std::shared_ptr<r3mes_session> session;
  /** One call at a time. */
  std::atomic<bool> busy{false};
};

class SessionHandle : public Napi::ObjectWrap<SessionHandle> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeSession",
                       {InstanceAccessor<&SessionHandle::length>("length"), InstanceMethod<&SessionHandle::extend>("extend"),
                        InstanceMethod<&SessionHandle::rewind>("rewind"), InstanceMethod<&SessionHandle::dispose>("dispose")});
  }

  explicit SessionHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<SessionHandle>(info) {}

  std::shared_ptr<Held> held;

 private:
  std::shared_ptr<Held> idle(Napi::Env env) const {
    if (held == nullptr) throw make_error(env, R3MES_BAD_VALUE, "session: it was disposed of");
    if (held->busy.load()) throw make_error(env, R3MES_BAD_VALUE, "session: another call is still running");
    return held;
  }

  Napi::Value length(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), r3mes_session_length(idle(info.Env())->session.get()));
  }

  Napi::Value rewind(const Napi::CallbackInfo& info) {
    r3mes_error error{};
    const r3mes_status status = r3mes_session_rewind(idle(info.Env())->session.get(), read_int32(info[0], "length"), &error);
    if (status != R3MES_OK) throw make_error(info.Env(), status, error.message);
    return info.Env().Undefined();
  }

  /** extend({tokens, wanted, threads, cancel}): a promise of the logits [wanted, vocab]. */
  Napi::Value extend(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const std::shared_ptr<Held> own = idle(env);
    const Napi::Object o = read_object(info[0], "request");
    Pins pins;
    const Napi::Value token_array = o.Get("tokens");
    const Span<std::int32_t> tokens = read_ints(token_array, "tokens");
    pins.add(token_array);
    const std::int32_t wanted = read_int32(o.Get("wanted"), "wanted");
    if (wanted < 0 || static_cast<std::size_t>(wanted) > tokens.size || tokens.size > 0x7fffffffu) {
      throw make_error(env, R3MES_BAD_VALUE, "wanted is " + std::to_string(wanted) + ", expected 0 to the " + std::to_string(tokens.size) + " tokens");
    }
    const Napi::Value flag = o.Get("cancel");
    const Span<std::int32_t> cancel = read_ints(flag, "cancel");
    expect_size(env, cancel, 1, "cancel");
    pins.add(flag);
    const r3mes_run_options options{read_int32(o.Get("threads"), "threads"), 1, is_cancelled, cancel.data};
    const std::int32_t vocab = r3mes_model_get_shape(own->model.get())->vocab_size;
    Napi::Float32Array logits = Napi::Float32Array::New(env, static_cast<std::size_t>(wanted) * static_cast<std::size_t>(vocab));
    pins.add(logits);
    const auto reference = std::make_shared<Napi::ObjectReference>(Napi::Persistent(logits.As<Napi::Object>()));
    float* const out = logits.Data();
    own->busy.store(true);
    return Task::start(
        env, std::move(pins),
        [=](r3mes_error* error) {
          const r3mes_status status =
              r3mes_session_extend(out, wanted, own->session.get(), tokens.data, static_cast<std::int32_t>(tokens.size), &options, error);
          own->busy.store(false);
          return status;
        },
        [=](Napi::Env) -> Napi::Value { return reference->Value(); });
  }

  void dispose(const Napi::CallbackInfo&) { held.reset(); }
};

}  // namespace

Napi::Function define_session(Napi::Env env) { return SessionHandle::define(env); }

Napi::Value create_session(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Pins pins;
  auto held = std::make_shared<Held>();
  held->model = read_model(info[0]);
  const Napi::Object o = read_object(info[1], "request");
  const Napi::Value settings = o.Get("lora"), values = o.Get("adapter");
  const bool has_lora = !settings.IsUndefined();
  if (has_lora != !values.IsUndefined()) throw make_error(env, R3MES_BAD_VALUE, "lora and adapter: expected both or none");
  r3mes_lora lora{};
  Span<float> adapter;
  if (has_lora) {
    lora = read_lora(settings);
    adapter = read_floats(values, "adapter");
    pins.add(values);
  }
  const std::int32_t capacity = read_int32(o.Get("capacity"), "capacity"), threads = read_int32(o.Get("threads"), "threads");
  return Task::start(
      env, std::move(pins),
      [=](r3mes_error* error) {
        r3mes_session* made = nullptr;
        const r3mes_status status =
            r3mes_session_create(&made, held->model.get(), has_lora ? &lora : nullptr, adapter.data, adapter.size, capacity, threads, error);
        if (status == R3MES_OK) held->session = std::shared_ptr<r3mes_session>(made, r3mes_session_destroy);
        return status;
      },
      [=](Napi::Env e) -> Napi::Value {
        Napi::Object handle = new_session(e);
        SessionHandle::Unwrap(handle)->held = held;
        return handle;
      });
}

Napi::Value sampling_weights(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Span<float> logits = read_floats(info[0], "logits");
  const float temperature = read_float(info[1], "temperature");
  Napi::Int32Array weights = Napi::Int32Array::New(env, logits.size);
  r3mes_error error{};
  const r3mes_status status = r3mes_sampling_weights(weights.Data(), logits.data, static_cast<std::int32_t>(logits.size), temperature, &error);
  if (status != R3MES_OK) throw make_error(env, status, error.message);
  return weights;
}

}  // namespace r3mes::node

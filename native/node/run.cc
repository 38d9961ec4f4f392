#include "run.h"

#include <atomic>
#include <string>

#include "model.h"
#include "r3mes/train.h"
#include "task.h"

namespace r3mes::node {

namespace {

/** A request with all that its pointers point to. */
struct Request {
  SharedModel model;
  SharedCudaModel cuda;  // null: on the CPU
  r3mes_lora lora{};
  r3mes_sequences batch{};
  r3mes_run_options options{};
};

std::shared_ptr<Request> read_request(const Napi::CallbackInfo& info, Pins& pins) {
  const Napi::Env env = info.Env();
  auto request = shared<Request>();
  request->model = read_model(info[0]);
  const Napi::Object o = read_object(info[1], "request");
  if (!o.Get("onCpu").ToBoolean().Value()) request->cuda = read_cuda_model(info[0]);

  const Napi::Value token_array = o.Get("tokens");
  const Span<std::int32_t> tokens = read_ints(token_array, "tokens");
  const std::int32_t length = read_int32(o.Get("sequenceLength"), "sequenceLength");
  if (length < 1 || tokens.size % static_cast<std::size_t>(length) != 0 || tokens.size > 0x7fffffffu) {
    throw make_error(env, R3MES_BAD_SHAPE, "tokens has " + std::to_string(tokens.size) + " elements, expected a multiple of sequenceLength " + std::to_string(length));
  }
  pins.add(token_array);
  request->batch.tokens = tokens.data;
  request->batch.sequence_length = length;
  request->batch.sequences = static_cast<std::int32_t>(tokens.size / static_cast<std::size_t>(length));

  const Napi::Value lora = o.Get("lora"), values = o.Get("adapter");
  const bool has_lora = !lora.IsUndefined();
  if (has_lora != !values.IsUndefined()) throw make_error(env, R3MES_BAD_VALUE, "lora and adapter: expected both or none");
  if (has_lora) {
    request->lora = read_lora(lora);
    const Span<float> adapter = read_floats(values, "adapter");
    pins.add(values);
    request->batch.lora = &request->lora;
    request->batch.adapter = adapter.data;
    request->batch.adapter_size = adapter.size;
  }

  const Napi::Value flag = o.Get("cancel");
  const Span<std::int32_t> cancel = read_ints(flag, "cancel");
  expect_size(env, cancel, 1, "cancel");
  pins.add(flag);
  request->options = {read_int32(o.Get("threads"), "threads"), read_int32(o.Get("microBatch"), "microBatch"), is_cancelled, cancel.data};
  return request;
}

/** `loss` and `sequenceLosses` of a result, made before the work starts so that it writes into them. */
struct Losses {
  explicit Losses(Napi::Env env, const Request& request, Pins& pins) {
    const auto count = static_cast<std::size_t>(request.batch.sequences);
    Napi::BigInt64Array array = Napi::BigInt64Array::New(env, count);
    pins.add(array);
    data = array.Data();
    reference = std::make_shared<Napi::ObjectReference>(Napi::Persistent(array.As<Napi::Object>()));
  }

  void set(Napi::Object& result) const {
    result.Set("loss", *loss);
    result.Set("sequenceLosses", reference->Value());
  }

  std::int64_t* data;
  std::shared_ptr<float> loss = shared<float>(0.0f);
  std::shared_ptr<Napi::ObjectReference> reference;
};

}  // namespace

static_assert(sizeof(std::atomic<std::int32_t>) == sizeof(std::int32_t), "the flag is read in place");
int is_cancelled(void* flag) { return static_cast<const std::atomic<std::int32_t>*>(flag)->load(std::memory_order_relaxed) != 0 ? 1 : 0; }

Napi::Value train_step(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Pins pins;
  const auto request = read_request(info, pins);
  const Losses losses(env, *request, pins);
  Napi::Float32Array gradients = Napi::Float32Array::New(env, request->batch.adapter_size);
  pins.add(gradients);
  const auto reference = std::make_shared<Napi::ObjectReference>(Napi::Persistent(gradients.As<Napi::Object>()));
  float* const out = gradients.Data();
  return Task::start(
      env, std::move(pins),
      [=](r3mes_error* error) {
        if (request->cuda != nullptr) {
          return r3mes_cuda_train_step(out, losses.data, losses.loss.get(), request->cuda.get(), &request->batch, &request->options, error);
        }
        return r3mes_train_step(out, losses.data, losses.loss.get(), request->model.get(), &request->batch, &request->options, error);
      },
      [=](Napi::Env e) -> Napi::Value {
        Napi::Object result = Napi::Object::New(e);
        losses.set(result);
        result.Set("gradients", reference->Value());
        return result;
      });
}

Napi::Value evaluate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Pins pins;
  const auto request = read_request(info, pins);
  const Losses losses(env, *request, pins);
  return Task::start(
      env, std::move(pins),
      [=](r3mes_error* error) {
        if (request->cuda != nullptr) {
          return r3mes_cuda_evaluate(losses.data, losses.loss.get(), request->cuda.get(), &request->batch, &request->options, error);
        }
        return r3mes_evaluate(losses.data, losses.loss.get(), request->model.get(), &request->batch, &request->options, error);
      },
      [=](Napi::Env e) -> Napi::Value {
        Napi::Object result = Napi::Object::New(e);
        losses.set(result);
        return result;
      });
}

Napi::Value logits(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Pins pins;
  const auto request = read_request(info, pins);
  const std::int32_t vocab = r3mes_model_get_shape(request->model.get())->vocab_size;
  Napi::Float32Array values = Napi::Float32Array::New(
      env, static_cast<std::size_t>(request->batch.sequences) * static_cast<std::size_t>(request->batch.sequence_length) * static_cast<std::size_t>(vocab));
  pins.add(values);
  const auto reference = std::make_shared<Napi::ObjectReference>(Napi::Persistent(values.As<Napi::Object>()));
  float* const out = values.Data();
  return Task::start(
      env, std::move(pins),
      [=](r3mes_error* error) {
        if (request->cuda != nullptr) return r3mes_cuda_logits(out, request->cuda.get(), &request->batch, &request->options, error);
        return r3mes_logits(out, request->model.get(), &request->batch, &request->options, error);
      },
      [=](Napi::Env) -> Napi::Value { return reference->Value(); });
}

}  // namespace r3mes::node

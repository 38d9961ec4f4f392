#include "optimizer.h"

#include <string>
#include <vector>

#include "r3mes/optimizer.h"
#include "task.h"

namespace r3mes::node {

namespace {

/** A result array that the work writes into and the end hands out. */
template <typename Array>
struct Output {
  Output(Napi::Env env, std::size_t size) {
    Array array = Array::New(env, size);
    data = array.Data();
    reference = std::make_shared<Napi::ObjectReference>(Napi::Persistent(array.template As<Napi::Object>()));
  }

  Napi::Value value() const { return reference->Value(); }

  decltype(std::declval<Array>().Data()) data;
  std::shared_ptr<Napi::ObjectReference> reference;
};

using Floats = Output<Napi::Float32Array>;

}  // namespace

Napi::Value clip(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Span<float> gradient = read_floats(info[0], "gradient");
  const float max_norm = read_float(info[1], "maxNorm");
  Pins pins;
  pins.add(info[0]);
  const Floats clipped(env, gradient.size);
  const auto norm = shared<float>(0.0f);
  return Task::start(
      env, std::move(pins),
      [=](r3mes_error* error) { return r3mes_clip(clipped.data, norm.get(), gradient.data, gradient.size, max_norm, error); },
      [=](Napi::Env e) -> Napi::Value {
        Napi::Object result = Napi::Object::New(e);
        result.Set("norm", *norm);
        result.Set("gradient", clipped.value());
        return result;
      });
}

Napi::Value trimmed_mean(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Array list = read_array(info[0], "gradients");
  const auto gradients = shared<std::vector<const float*>>();
  std::size_t size = 0;
  Pins pins;
  for (std::uint32_t i = 0; i < list.Length(); ++i) {
    const std::string name = "gradients[" + std::to_string(i) + "]";
    const Napi::Value value = list.Get(i);
    const Span<float> gradient = read_floats(value, name);
    if (i == 0) size = gradient.size;
    expect_size(env, gradient, size, name);
    gradients->push_back(gradient.data);
    pins.add(value);
  }
  const Output<Napi::Int32Array> mean(env, size);
  return Task::start(
      env, std::move(pins),
      [=](r3mes_error* error) { return r3mes_trimmed_mean(mean.data, gradients->data(), gradients->size(), size, error); },
      [=](Napi::Env) -> Napi::Value { return mean.value(); });
}

Napi::Value mean_gradient(const Napi::CallbackInfo& info) {
  const Span<std::int32_t> mean = read_ints(info[0], "mean");
  Napi::Float32Array gradient = Napi::Float32Array::New(info.Env(), mean.size);
  r3mes_mean_gradient(gradient.Data(), mean.data, mean.size);
  return gradient;
}

Napi::Value adamw(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object o = read_object(info[0], "request");
  Pins pins;
  const auto vector = [&](const char* key) {
    const Napi::Value value = o.Get(key);
    const Span<float> values = read_floats(value, key);
    pins.add(value);
    return values;
  };
  const Span<float> parameters = vector("parameters"), first = vector("firstMoment"), second = vector("secondMoment"), gradient = vector("gradient");
  expect_size(env, first, parameters.size, "firstMoment");
  expect_size(env, second, parameters.size, "secondMoment");
  expect_size(env, gradient, parameters.size, "gradient");
  const r3mes_adamw_settings settings{read_float(o.Get("learningRate"), "learningRate"), read_float(o.Get("beta1"), "beta1"),
                                      read_float(o.Get("beta2"), "beta2"), read_float(o.Get("epsilon"), "epsilon"),
                                      read_float(o.Get("weightDecay"), "weightDecay")};
  const std::int32_t step = read_int32(o.Get("step"), "step");
  if (step < 1) throw make_error(env, R3MES_BAD_VALUE, "step is " + std::to_string(step) + ", expected at least 1");
  const Floats p(env, parameters.size), m(env, parameters.size), v(env, parameters.size);
  return Task::start(
      env, std::move(pins),
      [=](r3mes_error* error) {
        return r3mes_adamw(p.data, m.data, v.data, parameters.data, first.data, second.data, gradient.data, parameters.size, &settings,
                           static_cast<std::uint64_t>(step), error);
      },
      [=](Napi::Env e) -> Napi::Value {
        Napi::Object result = Napi::Object::New(e);
        result.Set("parameters", p.value());
        result.Set("firstMoment", m.value());
        result.Set("secondMoment", v.value());
        return result;
      });
}

Napi::Value initial_lora_a(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  bool is_lossless = false;
  if (!info[0].IsBigInt()) throw make_error(env, R3MES_BAD_VALUE, "seed: expected an unsigned BigInt of 64 bits");
  const std::uint64_t seed = info[0].As<Napi::BigInt>().Uint64Value(&is_lossless);
  if (!is_lossless) throw make_error(env, R3MES_BAD_VALUE, "seed: expected an unsigned BigInt of 64 bits");
  const std::int32_t rank = read_int32(info[1], "rank"), in = read_int32(info[2], "inFeatures");
  if (rank < 1 || in < 1 || rank > 4096 || in > (1 << 17)) {
    throw make_error(env, R3MES_BAD_SHAPE, "rank is " + std::to_string(rank) + " and inFeatures is " + std::to_string(in) + ", expected 1 to 4096 and 1 to 131072");
  }
  Napi::Float32Array values = Napi::Float32Array::New(env, static_cast<std::size_t>(rank) * static_cast<std::size_t>(in));
  r3mes_error error{};
  const r3mes_status status = r3mes_initial_lora_a(values.Data(), seed, rank, in, &error);
  if (status != R3MES_OK) throw make_error(env, status, error.message);
  return values;
}

}  // namespace r3mes::node

// The face that src/native/binding.ts describes. Nothing else of Node is used anywhere in native/.
#include "device.h"
#include "model.h"
#include "optimizer.h"
#include "r3mes/isa.h"
#include "run.h"
#include "session.h"

namespace {

/** isaSupported(name) */
Napi::Value isa_supported(const Napi::CallbackInfo& info) {
  const bool known = info[0].IsString() && r3mes_isa_supported(info[0].As<Napi::String>().Utf8Value().c_str()) != 0;
  return Napi::Boolean::New(info.Env(), known);
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  using namespace r3mes::node;
  declare_classes(env);
  exports.Set("arithmeticVersion", R3MES_ARITHMETIC_VERSION);
  exports.Set("isa", r3mes_isa());
  exports.Set("isaSupported", Napi::Function::New<isa_supported>(env));
  exports.Set("hasCudaKernels", r3mes_cuda_has_kernels() != 0);
  exports.Set("cudaDevices", Napi::Function::New<cuda_devices>(env));
  exports.Set("createModel", Napi::Function::New<create_model>(env));
  exports.Set("adapterLayout", Napi::Function::New<adapter_layout>(env));
  exports.Set("trainStep", Napi::Function::New<train_step>(env));
  exports.Set("evaluate", Napi::Function::New<evaluate>(env));
  exports.Set("logits", Napi::Function::New<logits>(env));
  exports.Set("createSession", Napi::Function::New<create_session>(env));
  exports.Set("samplingWeights", Napi::Function::New<sampling_weights>(env));
  exports.Set("clip", Napi::Function::New<clip>(env));
  exports.Set("trimmedMean", Napi::Function::New<trimmed_mean>(env));
  exports.Set("meanGradient", Napi::Function::New<mean_gradient>(env));
  exports.Set("adamW", Napi::Function::New<adamw>(env));
  exports.Set("initialLoraA", Napi::Function::New<initial_lora_a>(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(r3mes, init)

#include "model.h"

#include <array>
#include <string>
#include <vector>

#include "session.h"
#include "task.h"

namespace r3mes::node {

namespace {

/** Marks our objects, so that no other object's memory is ever taken for a model. */
constexpr napi_type_tag kModelTag = {0x72336d6573206d6full, 0x64656c2068616e64ull};

class ModelHandle : public Napi::ObjectWrap<ModelHandle> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "NativeModel", {InstanceMethod<&ModelHandle::dispose>("dispose")});
  }

  explicit ModelHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ModelHandle>(info) { Value().TypeTag(&kModelTag); }

  SharedModel model;
  SharedCudaModel cuda;

 private:
  void dispose(const Napi::CallbackInfo&) {
    cuda.reset();
    model.reset();
  }
};

/** Of this environment: worker threads have their own. */
struct Classes {
  Napi::FunctionReference model, session;
};

/** Pointers into pinned arrays, and the structures that hold them. */
struct Weights {
  std::vector<r3mes_layer_weights> layers;
  r3mes_model_weights all{};
};

r3mes_raw_matrix read_matrix(const Napi::Value& value, const std::string& name, Pins& pins) {
  const Napi::Object object = read_object(value, name);
  const Napi::Value dtype = object.Get("dtype");
  const std::string type = dtype.IsString() ? dtype.As<Napi::String>().Utf8Value() : "";
  if (type != "F32" && type != "BF16" && type != "F16") {
    throw make_error(value.Env(), R3MES_BAD_VALUE, name + ".dtype: expected F32, BF16 or F16");
  }
  const Napi::Value data = object.Get("bytes");
  const Span<std::uint8_t> bytes = read_bytes(data, name + ".bytes");
  pins.add(data);
  return {type == "F32" ? R3MES_F32 : type == "BF16" ? R3MES_BF16 : R3MES_F16, bytes.data, bytes.size};
}

const float* read_norm(const Napi::Object& object, const char* key, const std::string& name, std::int32_t size, Pins& pins) {
  const Napi::Value value = object.Get(key);
  const Span<float> norm = read_floats(value, name + "." + key);
  expect_size(object.Env(), norm, static_cast<std::size_t>(std::max(size, 0)), name + "." + key);
  pins.add(value);
  return norm.data;
}

r3mes_model_shape read_shape(const Napi::Value& value) {
  const Napi::Object o = read_object(value, "shape");
  const auto whole = [&](const char* key) { return read_int32(o.Get(key), std::string("shape.") + key); };
  r3mes_model_shape shape{};
  shape.hidden_size = whole("hiddenSize");
  shape.ffn_size = whole("ffnSize");
  shape.layers = whole("layers");
  shape.heads = whole("heads");
  shape.kv_heads = whole("kvHeads");
  shape.head_size = whole("headSize");
  shape.vocab_size = whole("vocabSize");
  shape.max_positions = whole("maxPositions");
  shape.rms_epsilon = read_float(o.Get("rmsEpsilon"), "shape.rmsEpsilon");
  shape.rope_theta = read_double(o.Get("ropeTheta"), "shape.ropeTheta");
  return shape;
}

void read_weights(const Napi::Value& value, const r3mes_model_shape& shape, Weights& weights, Pins& pins) {
  const Napi::Object o = read_object(value, "weights");
  weights.all.embedding = read_matrix(o.Get("embedding"), "weights.embedding", pins);
  const Napi::Value head = o.Get("head");
  if (!head.IsUndefined()) weights.all.head = read_matrix(head, "weights.head", pins);
  weights.all.final_norm = read_norm(o, "finalNorm", "weights", shape.hidden_size, pins);
  const Napi::Array layers = read_array(o.Get("layers"), "weights.layers");
  if (layers.Length() != static_cast<std::uint32_t>(shape.layers)) {
    throw make_error(value.Env(), R3MES_BAD_SHAPE, "weights.layers has " + std::to_string(layers.Length()) + " items, expected " + std::to_string(shape.layers));
  }
  weights.layers.resize(layers.Length());
  for (std::uint32_t l = 0; l < layers.Length(); ++l) {
    const std::string name = "weights.layers[" + std::to_string(l) + "]";
    const Napi::Object layer = read_object(layers.Get(l), name);
    r3mes_layer_weights& to = weights.layers[l];
    to.input_norm = read_norm(layer, "inputNorm", name, shape.hidden_size, pins);
    to.attention_sub_norm = read_norm(layer, "attentionSubNorm", name, shape.hidden_size, pins);
    to.post_attention_norm = read_norm(layer, "postAttentionNorm", name, shape.hidden_size, pins);
    to.ffn_sub_norm = read_norm(layer, "ffnSubNorm", name, shape.ffn_size, pins);
    const Napi::Array linears = read_array(layer.Get("linears"), name + ".linears");
    if (linears.Length() != R3MES_LINEARS) {
      throw make_error(value.Env(), R3MES_BAD_SHAPE, name + ".linears has " + std::to_string(linears.Length()) + " items, expected 7");
    }
    for (std::uint32_t i = 0; i < R3MES_LINEARS; ++i) {
      const std::string linear = name + ".linears[" + std::to_string(i) + "]";
      const Napi::Object matrix = read_object(linears.Get(i), linear);
      const Napi::Value packed = matrix.Get("codes");
      const Span<std::uint8_t> codes = read_bytes(packed, linear + ".codes");
      pins.add(packed);
      to.linears[i] = {codes.data, codes.size, read_float(matrix.Get("scale"), linear + ".scale")};
    }
  }
  weights.all.layers = weights.layers.data();
}

/** Threads that unpack a model; the result does not depend on it. */
constexpr std::int32_t kUnpackThreads = 2;

}  // namespace

void declare_classes(Napi::Env env) {
  auto* classes = new Classes;
  classes->model = Napi::Persistent(ModelHandle::define(env));
  classes->session = Napi::Persistent(define_session(env));
  env.SetInstanceData<Classes>(classes);
}

Napi::Object new_session(Napi::Env env) { return env.GetInstanceData<Classes>()->session.New({}); }

Napi::Value create_model(const Napi::CallbackInfo& info) {
  const r3mes_model_shape shape = read_shape(info[0]);
  Pins pins;
  auto weights = shared<Weights>();
  read_weights(info[1], shape, *weights, pins);
  const bool on_gpu = !info[2].IsUndefined();
  const std::int32_t gpu = on_gpu ? read_int32(info[2], "gpu") : 0;
  auto model = shared<SharedModel>();
  auto cuda = shared<SharedCudaModel>();
  return Task::start(
      info.Env(), std::move(pins),
      [shape, weights, model, cuda, on_gpu, gpu](r3mes_error* error) {
        r3mes_model* made = nullptr;
        r3mes_status status = r3mes_model_create(&made, &shape, &weights->all, kUnpackThreads, error);
        if (status != R3MES_OK) return status;
        *model = SharedModel(made, r3mes_model_destroy);
        if (!on_gpu) return status;
        r3mes_cuda_model* there = nullptr;
        status = r3mes_cuda_model_create(&there, gpu, made, &weights->all, error);
        // The model on the host lives as long as the one on the GPU, which refers to it.
        if (status == R3MES_OK) *cuda = SharedCudaModel(there, [keep = *model](r3mes_cuda_model* m) { r3mes_cuda_model_destroy(m); });
        return status;
      },
      [model, cuda](Napi::Env env) -> Napi::Value {
        Napi::Object handle = env.GetInstanceData<Classes>()->model.New({});
        ModelHandle::Unwrap(handle)->model = *model;
        ModelHandle::Unwrap(handle)->cuda = *cuda;
        return handle;
      });
}

SharedModel read_model(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&kModelTag)) {
    throw make_error(value.Env(), R3MES_BAD_VALUE, "model: expected what createModel gave");
  }
  SharedModel model = ModelHandle::Unwrap(value.As<Napi::Object>())->model;
  if (model == nullptr) throw make_error(value.Env(), R3MES_BAD_VALUE, "model: it was disposed of");
  return model;
}

SharedCudaModel read_cuda_model(const Napi::Value& value) {
  read_model(value);  // refuses what is none
  return ModelHandle::Unwrap(value.As<Napi::Object>())->cuda;
}

r3mes_lora read_lora(const Napi::Value& value) {
  const Napi::Object o = read_object(value, "lora");
  const std::int32_t targets = read_int32(o.Get("targets"), "lora.targets");
  return {read_int32(o.Get("rank"), "lora.rank"), read_float(o.Get("alpha"), "lora.alpha"), static_cast<std::uint32_t>(targets)};
}

Napi::Value adapter_layout(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const SharedModel model = read_model(info[0]);
  const r3mes_lora lora = read_lora(info[1]);
  std::size_t count = 0, size = 0;
  r3mes_error error{};
  r3mes_status status = r3mes_adapter_layout(&count, &size, nullptr, model.get(), &lora, &error);
  std::vector<r3mes_adapter_tensor> tensors(count);
  if (status == R3MES_OK) status = r3mes_adapter_layout(&count, &size, tensors.data(), model.get(), &lora, &error);
  if (status != R3MES_OK) throw make_error(env, status, error.message);
  Napi::Array list = Napi::Array::New(env, count);
  for (std::size_t i = 0; i < count; ++i) {
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("name", tensors[i].name);
    entry.Set("rows", tensors[i].rows);
    entry.Set("columns", tensors[i].columns);
    entry.Set("offset", static_cast<double>(tensors[i].offset));
    list.Set(static_cast<std::uint32_t>(i), entry);
  }
  return list;
}

}  // namespace r3mes::node

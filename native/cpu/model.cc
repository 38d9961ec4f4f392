#include "model.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "bits.h"
#include "failure.h"
#include "fpenv.h"
#include "tables.h"

namespace r3mes::cpu {

namespace {

constexpr const char* kLinearNames[R3MES_LINEARS] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                                                     "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};

void require(bool condition, const std::string& message) {
  if (!condition) throw Failure(R3MES_BAD_SHAPE, message);
}

void check_size(const char* name, std::int64_t value, std::int64_t least, std::int64_t most) {
  require(value >= least && value <= most, std::string(name) + " is " + std::to_string(value) + ", expected " +
                                               std::to_string(least) + " to " + std::to_string(most));
}

void check_shape(const r3mes_model_shape& s) {
  check_size("hidden_size", s.hidden_size, 4, (1 << 16));
  check_size("ffn_size", s.ffn_size, 4, 65792);
  check_size("layers", s.layers, 1, 1024);
  check_size("heads", s.heads, 1, 1024);
  check_size("kv_heads", s.kv_heads, 1, s.heads);
  check_size("head_size", s.head_size, 2, 1024);
  check_size("vocab_size", s.vocab_size, 1, (1 << 23) - 1);
  check_size("max_positions", s.max_positions, 1, 1 << 20);
  require(s.hidden_size == s.heads * s.head_size, "hidden_size is " + std::to_string(s.hidden_size) + ", expected heads × head_size = " +
                                                      std::to_string(s.heads * s.head_size));
  require(s.heads % s.kv_heads == 0, "heads is " + std::to_string(s.heads) + ", expected a multiple of kv_heads, " +
                                         std::to_string(s.kv_heads));
  require(s.head_size % 2 == 0, "head_size is " + std::to_string(s.head_size) + ", expected an even number");
  for (int i = 0; i < R3MES_LINEARS; ++i) {
    require(linear_out(s, i) % 4 == 0, std::string(kLinearNames[i]) + " has " + std::to_string(linear_out(s, i)) +
                                           " outputs, expected a multiple of 4");
  }
  if (!(s.rms_epsilon > 0.0f) || !std::isfinite(s.rms_epsilon)) throw Failure(R3MES_BAD_VALUE, "rms_epsilon must be finite and greater than 0");
  if (!(s.rope_theta > 1.0) || !(s.rope_theta < 1e30)) throw Failure(R3MES_BAD_VALUE, "rope_theta must be greater than 1 and below 1e30");
}

float widen(r3mes_float_type type, const unsigned char* at) {
  if (type == R3MES_F32) {
    float x;
    std::memcpy(&x, at, 4);
    return x;
  }
  std::uint16_t h;
  std::memcpy(&h, at, 2);
  if (type == R3MES_BF16) return float_of(static_cast<std::uint32_t>(h) << 16);
  const std::uint32_t sign = static_cast<std::uint32_t>(h & 0x8000u) << 16;
  const std::uint32_t exponent = (h >> 10) & 31u, fraction = h & 0x3ffu;
  if (exponent == 31) return float_of(sign | kInfinityBits | (fraction << 13));
  if (exponent != 0) return float_of(sign | ((exponent + 112u) << 23) | (fraction << 13));
  const float x = static_cast<float>(fraction) * 0x1p-24f;
  return sign != 0 ? -x : x;
}

Embedding make_embedding(const r3mes_raw_matrix& raw, const r3mes_model_shape& shape, const char* name) {
  Embedding e;
  e.type = raw.type;
  e.width = shape.hidden_size;
  const std::size_t element = raw.type == R3MES_F32 ? 4 : 2;
  const std::size_t expected = static_cast<std::size_t>(shape.vocab_size) * shape.hidden_size * element;
  require(raw.type == R3MES_F32 || raw.type == R3MES_BF16 || raw.type == R3MES_F16, std::string(name) + " has an unknown type");
  require(raw.data != nullptr && raw.size_bytes == expected, std::string(name) + " has " + std::to_string(raw.size_bytes) +
                                                                 " bytes, expected " + std::to_string(expected));
  const auto* bytes = static_cast<const unsigned char*>(raw.data);
  e.bytes.assign(bytes, bytes + expected);
  return e;
}

std::vector<float> make_norm(const float* values, int n, const char* name, int layer) {
  require(values != nullptr, std::string(name) + " is missing");
  for (int i = 0; i < n; ++i) {
    if (!std::isfinite(values[i])) not_finite(Where{name, layer}, 0, i, values[i]);
  }
  return std::vector<float>(values, values + n);
}

Linear make_linear(const r3mes_packed_matrix& packed, int in, int out, int layer, int linear) {
  const std::string name = "layers." + std::to_string(layer) + "." + kLinearNames[linear];
  const std::size_t quarter = static_cast<std::size_t>(out) / 4, expected = quarter * in;
  require(packed.codes != nullptr && packed.size_bytes == expected, name + ".weight has " + std::to_string(packed.size_bytes) +
                                                                        " bytes, expected " + std::to_string(expected));
  if (!(packed.scale > 0.0f) || !std::isfinite(packed.scale)) {
    throw Failure(R3MES_BAD_VALUE, name + ".weight_scale is " + std::to_string(packed.scale) + ", expected a finite value greater than 0");
  }
  Linear result;
  result.scale = packed.scale;
  result.w = TernaryMatrix(out, in);
  for (std::size_t r = 0; r < quarter; ++r) {
    for (int c = 0; c < in; ++c) {
      const std::uint8_t byte = packed.codes[r * in + c];
      for (int i = 0; i < 4; ++i) {
        const int code = (byte >> (2 * i)) & 3;
        if (code == 3) {
          throw Failure(R3MES_BAD_VALUE, name + ".weight has code 3 in byte [" + std::to_string(r) + ", " + std::to_string(c) +
                                             "], expected 0, 1 or 2");
        }
        result.w.set(static_cast<int>(i * quarter + r), c, code - 1);
      }
    }
  }
  result.w_transposed = result.w.transposed();
  return result;
}

std::unique_ptr<r3mes_model> make_model(const r3mes_model_shape& shape, const r3mes_model_weights& weights, int threads) {
  check_shape(shape);
  require(weights.layers != nullptr, "layers is missing");
  auto model = std::make_unique<r3mes_model>();
  model->shape = shape;
  model->embedding = make_embedding(weights.embedding, shape, "model.embed_tokens.weight");
  model->final_norm = make_norm(weights.final_norm, shape.hidden_size, "norm", -1);
  model->layers.resize(shape.layers);
  model->inverse_frequencies = inverse_frequencies(shape.head_size, shape.rope_theta);

  std::vector<float> row(shape.hidden_size);
  for (int v = 0; v < shape.vocab_size; ++v) {
    model->embedding.row(v, row.data());
    if (absmax_bits(row.data(), shape.hidden_size) >= kInfinityBits) {
      for (int c = 0; c < shape.hidden_size; ++c) {
        if (!std::isfinite(row[c])) not_finite(Where{"embed_tokens"}, v, c, row[c]);
      }
    }
  }
  if (weights.head.data == nullptr) {
    const Embedding& tied = model->embedding;
    model->head = make_head(shape.vocab_size, shape.hidden_size, Where{"embed_tokens"}, [&](int v, float* out) { tied.row(v, out); });
    if (tied.type == R3MES_BF16) model->head.bf16 = reinterpret_cast<const std::uint16_t*>(tied.bytes.data());
  } else {
    const Embedding own = make_embedding(weights.head, shape, "lm_head.weight");
    model->head = make_head(shape.vocab_size, shape.hidden_size, Where{"lm_head"}, [&](int v, float* out) { own.row(v, out); });
  }

  Pool pool(std::min(threads, 1024), [] { return false; });
  pool.run(shape.layers * R3MES_LINEARS, [&](int task, Arena&) {
    const int layer = task / R3MES_LINEARS, linear = task % R3MES_LINEARS;
    model->layers[layer].linears[linear] =
        make_linear(weights.layers[layer].linears[linear], linear_in(shape, linear), linear_out(shape, linear), layer, linear);
  });
  for (int l = 0; l < shape.layers; ++l) {
    const r3mes_layer_weights& from = weights.layers[l];
    Layer& to = model->layers[l];
    to.input_norm = make_norm(from.input_norm, shape.hidden_size, "input_layernorm", l);
    to.attention_sub_norm = make_norm(from.attention_sub_norm, shape.hidden_size, "self_attn.attn_sub_norm", l);
    to.post_attention_norm = make_norm(from.post_attention_norm, shape.hidden_size, "post_attention_layernorm", l);
    to.ffn_sub_norm = make_norm(from.ffn_sub_norm, shape.ffn_size, "mlp.ffn_sub_norm", l);
  }
  return model;
}

}  // namespace

void Embedding::row(std::int64_t token, float* out) const {
  const std::size_t element = type == R3MES_F32 ? 4 : 2;
  const unsigned char* at = bytes.data() + static_cast<std::size_t>(token) * width * element;
  for (int c = 0; c < width; ++c) out[c] = widen(type, at + c * element);
}

const char* linear_name(int linear) { return kLinearNames[linear]; }

int linear_in(const r3mes_model_shape& shape, int linear) { return linear == R3MES_DOWN ? shape.ffn_size : shape.hidden_size; }

int linear_out(const r3mes_model_shape& shape, int linear) {
  if (linear == R3MES_K || linear == R3MES_V) return shape.kv_heads * shape.head_size;
  return linear == R3MES_GATE || linear == R3MES_UP ? shape.ffn_size : shape.hidden_size;
}

AdapterLayout adapter_layout(const r3mes_model_shape& shape, const r3mes_lora& lora) {
  if (lora.rank < 1 || lora.rank > 4096) {
    throw Failure(R3MES_BAD_VALUE, "LoRA rank is " + std::to_string(lora.rank) + ", expected 1 to 4096");
  }
  if (!(lora.alpha > 0.0f) || !std::isfinite(lora.alpha)) throw Failure(R3MES_BAD_VALUE, "LoRA alpha must be finite and greater than 0");
  if (lora.targets == 0 || lora.targets >> R3MES_LINEARS != 0) {
    throw Failure(R3MES_BAD_VALUE, "LoRA targets are " + std::to_string(lora.targets) + ", expected a bit mask of 1 to 127");
  }
  AdapterLayout layout;
  for (int layer = 0; layer < shape.layers; ++layer) {
    for (int linear = 0; linear < R3MES_LINEARS; ++linear) {
      if ((lora.targets >> linear & 1u) == 0) continue;
      const std::string prefix =
          "base_model.model.model.layers." + std::to_string(layer) + "." + kLinearNames[linear] + ".lora_";
      layout.tensors.push_back({prefix + "A.weight", layer, linear, true, lora.rank, linear_in(shape, linear), 0});
      layout.tensors.push_back({prefix + "B.weight", layer, linear, false, linear_out(shape, linear), lora.rank, 0});
    }
  }
  std::sort(layout.tensors.begin(), layout.tensors.end(),
            [](const AdapterTensor& x, const AdapterTensor& y) { return x.name < y.name; });
  layout.a.resize(static_cast<std::size_t>(shape.layers) * R3MES_LINEARS);
  layout.b.resize(layout.a.size());
  for (AdapterTensor& t : layout.tensors) {
    t.offset = layout.size;
    (t.is_a ? layout.a : layout.b)[t.layer * R3MES_LINEARS + t.linear] = t.offset;
    layout.size += static_cast<std::size_t>(t.rows) * t.columns;
  }
  return layout;
}

}  // namespace r3mes::cpu

using namespace r3mes::cpu;

r3mes_status r3mes_model_create(r3mes_model** model, const r3mes_model_shape* shape, const r3mes_model_weights* weights,
                                int32_t threads, r3mes_error* error) {
  const FloatEnvironment environment;
  *model = nullptr;
  return guarded(error, [&] {
    if (threads < 1) throw Failure(R3MES_BAD_VALUE, "threads is " + std::to_string(threads) + ", expected at least 1");
    *model = make_model(*shape, *weights, threads).release();
  });
}

void r3mes_model_destroy(r3mes_model* model) { delete model; }

const r3mes_model_shape* r3mes_model_get_shape(const r3mes_model* model) { return &model->shape; }

r3mes_status r3mes_adapter_layout(size_t* count, size_t* size, r3mes_adapter_tensor* tensors, const r3mes_model* model,
                                  const r3mes_lora* lora, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    const AdapterLayout layout = adapter_layout(model->shape, *lora);
    *count = layout.tensors.size();
    *size = layout.size;
    if (tensors == nullptr) return;
    for (std::size_t i = 0; i < layout.tensors.size(); ++i) {
      const AdapterTensor& from = layout.tensors[i];
      std::memset(tensors[i].name, 0, sizeof tensors[i].name);
      std::strncpy(tensors[i].name, from.name.c_str(), sizeof tensors[i].name - 1);
      tensors[i].rows = from.rows;
      tensors[i].columns = from.columns;
      tensors[i].offset = from.offset;
    }
  });
}

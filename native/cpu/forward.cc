// The forward pass of a job, tile by tile (docs/arithmetic.md §2).
#include <algorithm>

#include "activation.h"
#include "bits.h"
#include "job.h"
#include "norm.h"

namespace r3mes::cpu {

void Job::embed(const Tile& t) {
  const std::int32_t* tokens = batch_.tokens + static_cast<std::size_t>(first_sequence_ + t.sequence) * T_ + t.first;
  for (int i = 0; i < t.rows; ++i) model_.embedding.row(tokens[i], x_in(0, t.row + i));
}

void Job::forward_to_attention(int layer, const Tile& t, Arena& arena) {
  const Layer& weights = model_.layers[layer];
  LayerActivations& a = activations(layer);
  const int C = shape_.hidden_size, d = shape_.head_size;
  Arena::Mark mark(arena);
  float* n = arena.get<float>(static_cast<std::size_t>(t.rows) * C);
  for (int i = 0; i < t.rows; ++i) {
    *a.rstd_in.at(t.row + i) = rms_norm(x_in(layer, t.row + i), weights.input_norm.data(), C, shape_.rms_epsilon, n + i * C, arena,
                                        where("input_layernorm input", layer, t), i);
  }
  const LinearInput input =
      quantize_input(n, C, t.rows, C, targets(R3MES_Q, R3MES_V), arena, where("input_layernorm output", layer, t));

  struct Projection {
    int linear;
    int heads;
    bool rotated;
    const Buffer<std::int16_t>& q;
    const Buffer<std::int32_t>& e;
    const char* name;
  };
  for (const Projection& p : {Projection{R3MES_Q, shape_.heads, true, a.q, a.q_e, "self_attn.q_proj output"},
                              Projection{R3MES_K, shape_.kv_heads, true, a.k, a.k_e, "self_attn.k_proj output"},
                              Projection{R3MES_V, shape_.kv_heads, false, a.v, a.v_e, "self_attn.v_proj output"}}) {
    Arena::Mark inner(arena);
    const std::size_t width = static_cast<std::size_t>(p.heads) * d;
    float* y = arena.get<float>(t.rows * width);
    const LoraLinear* adapter = lora(layer, p.linear);
    linear_forward(weights.linears[p.linear], adapter, input, y, width,
                   adapter == nullptr ? nullptr : a.u[p.linear].at(t.row * adapter->rank), arena, where(p.name, layer, t));
    for (int h = 0; h < p.heads; ++h) {
      Rows16 rows = heads(p.q, p.e, t.sequence, h, p.heads);
      for (int i = 0; i < t.rows; ++i) {
        float* x = y + i * width + h * d;
        const std::size_t angle = static_cast<std::size_t>(t.first + i) * (d / 2);
        if (p.rotated) rope(x, d / 2, &rope_.cosine[angle], &rope_.sine[angle]);
        rows.e[t.first + i] = row16(x, d, rows.row(t.first + i), where(p.name, layer, t), i);
      }
    }
  }
}

/** Stripes of queries in which the heads of one KV head are computed. */
int Job::forward_attention_parts() const {
  return sequences_ * shape_.kv_heads >= 4 * pool_.threads() ? 1 : (T_ + kStripe - 1) / kStripe;
}

void Job::forward_attention(int layer, int task, Arena& arena) {
  LayerActivations& a = activations(layer);
  const int parts = forward_attention_parts(), kv_total = sequences_ * shape_.kv_heads;
  // The last stripes see the most keys: they come first, so that no thread ends long after the others.
  const int part = parts - 1 - task / kv_total, g = task % shape_.kv_heads, s = task % kv_total / shape_.kv_heads;
  const int first = parts == 1 ? 0 : part * kStripe, last = parts == 1 ? T_ : std::min(T_, first + kStripe);
  const int group = shape_.heads / shape_.kv_heads;
  const Where place{"attention scores", layer, first_sequence_ + s, 0};
  const KeyValue kv = prepare_forward(heads(a.k, a.k_e, s, g, shape_.kv_heads), heads(a.v, a.v_e, s, g, shape_.kv_heads), T_,
                                      shape_.head_size, arena);
  for (int h = g * group; h < (g + 1) * group; ++h) {
    const std::size_t row = (static_cast<std::size_t>(s) * shape_.heads + h) * T_;
    attention_forward(kv, heads(a.q, a.q_e, s, h, shape_.heads), first, last, attention_scale_,
                      a.o.at(static_cast<std::size_t>(s) * T_ * shape_.hidden_size + h * shape_.head_size), shape_.hidden_size,
                      a.row_max.at(row), a.inverse_sum.at(row), arena, place);
  }
}

void Job::forward_from_attention(int layer, const Tile& t, Arena& arena, bool again) {
  const Layer& weights = model_.layers[layer];
  LayerActivations& a = activations(layer);
  const int C = shape_.hidden_size, F = shape_.ffn_size;
  const float eps = shape_.rms_epsilon;
  const std::size_t nC = static_cast<std::size_t>(t.rows) * C, nF = static_cast<std::size_t>(t.rows) * F;
  const auto linear = [&](int index, const LinearInput& input, float* y, const char* name) {
    const LoraLinear* adapter = lora(layer, index);
    linear_forward(weights.linears[index], adapter, input, y, weights.linears[index].out(),
                   adapter == nullptr ? nullptr : a.u[index].at(t.row * adapter->rank), arena, where(name, layer, t));
  };
  Arena::Mark mark(arena);
  float* n = arena.get<float>(std::max(nC, nF));
  float* y = arena.get<float>(nC);
  float* x_mid = a.x_mid.at(t.row * C);
  {
    Arena::Mark inner(arena);
    for (int i = 0; i < t.rows; ++i) {
      *a.rstd_sub.at(t.row + i) = rms_norm(a.o.at((t.row + i) * C), weights.attention_sub_norm.data(), C, eps, n + i * C, arena,
                                           where("self_attn.attn_sub_norm input", layer, t), i);
    }
    const LinearInput input =
        quantize_input(n, C, t.rows, C, targets(R3MES_O, R3MES_O), arena, where("self_attn.attn_sub_norm output", layer, t));
    linear(R3MES_O, input, y, "self_attn.o_proj output");
    add_rows(x_in(layer, t.row), y, nC, x_mid);
  }
  {
    Arena::Mark inner(arena);
    for (int i = 0; i < t.rows; ++i) {
      *a.rstd_post.at(t.row + i) = rms_norm(x_mid + i * C, weights.post_attention_norm.data(), C, eps, n + i * C, arena,
                                            where("post_attention_layernorm input", layer, t), i);
    }
    const LinearInput input =
        quantize_input(n, C, t.rows, C, targets(R3MES_GATE, R3MES_UP), arena, where("post_attention_layernorm output", layer, t));
    linear(R3MES_GATE, input, a.gate.at(t.row * F), "mlp.gate_proj output");
    require_finite(a.gate.at(t.row * F), t.rows, F, where("mlp.gate_proj output", layer, t));
    linear(R3MES_UP, input, a.up.at(t.row * F), "mlp.up_proj output");
  }
  {
    Arena::Mark inner(arena);
    const float* gate = a.gate.at(t.row * F);
    const float* up = a.up.at(t.row * F);
    squared_relu(gate, up, nF, n);
    for (int i = 0; i < t.rows; ++i) {
      *a.rstd_ffn.at(t.row + i) = rms_norm(n + i * F, weights.ffn_sub_norm.data(), F, eps, n + i * F, arena,
                                           where("mlp.ffn_sub_norm input", layer, t), i);
    }
    const LinearInput input =
        quantize_input(n, F, t.rows, F, targets(R3MES_DOWN, R3MES_DOWN), arena, where("mlp.ffn_sub_norm output", layer, t));
    if (again) {
      const LoraLinear* adapter = lora(layer, R3MES_DOWN);
      if (adapter == nullptr) return;
      const Left u16 = take_left(take_rows16(arena, t.rows, adapter->rank), t.rows, arena);
      return lora_down(*adapter, input, F, a.u[R3MES_DOWN].at(t.row * adapter->rank), u16, where("mlp.down_proj output", layer, t));
    }
    linear(R3MES_DOWN, input, y, "mlp.down_proj output");
    add_rows(x_mid, y, nC, x_in(layer + 1, t.row));
  }
}

void Job::head_rows(const Tile& t, float* logits, Arena& arena) {
  const int C = shape_.hidden_size, V = shape_.vocab_size;
  const int at_once = std::clamp((1 << 22) / V, 4, 128);
  const std::int64_t sequence = first_sequence_ + t.sequence;
  const std::int32_t* tokens = batch_.tokens + sequence * T_;
  const int labelled = std::min(t.rows, T_ - 1 - t.first);
  const int wanted = kind_ == Kind::kLogits ? t.rows : labelled;
  float* d_out = kind_ == Kind::kTrain ? gradients_[(shape_.layers - 1) % 2].d_out.at(t.row * C) : nullptr;
  for (int i0 = 0; i0 < wanted; i0 += at_once) {
    Arena::Mark mark(arena);
    const int m = std::min(at_once, wanted - i0);
    const std::size_t row = t.row + i0;
    const Where place{"norm output", -1, sequence, t.first + i0};
    float* n = arena.get<float>(static_cast<std::size_t>(m) * C);
    float* rstd = arena.get<float>(m);
    for (int i = 0; i < m; ++i) {
      rstd[i] = rms_norm(x_in(shape_.layers, row + i), model_.final_norm.data(), C, shape_.rms_epsilon, n + i * C, arena,
                         Where{"norm input", -1, sequence, t.first + i0}, i);
    }
    if (kind_ == Kind::kLogits) {
      head_logits(model_.head, n, m, logits + (sequence * T_ + t.first + i0) * V, arena, place);
      continue;
    }
    float* w = arena.get<float>(static_cast<std::size_t>(m) * V);
    float* inverse_sum = arena.get<float>(m);
    const std::int32_t* labels = tokens + t.first + i0 + 1;
    head_logits(model_.head, n, m, w, arena, place);
    head_loss(w, V, labels, m, token_losses_.at(row), inverse_sum, place);
    if (kind_ == Kind::kEvaluate) continue;
    head_backward(model_.head, w, labels, inverse_sum, m, 1.0f / static_cast<float>(labels_), n, arena,
                  Where{"weights of the logits", -1, sequence, t.first + i0});
    for (int i = 0; i < m; ++i) {
      rms_norm_backward(n + i * C, x_in(shape_.layers, row + i), model_.final_norm.data(), rstd[i], C,
                        d_out + static_cast<std::size_t>(i0 + i) * C, arena, Where{"gradient of norm output", -1, sequence, t.first + i0}, i);
    }
  }
  if (kind_ == Kind::kTrain && labelled < t.rows) {
    std::fill(d_out + static_cast<std::size_t>(labelled) * C, d_out + static_cast<std::size_t>(t.rows) * C, 0.0f);
  }
}

}  // namespace r3mes::cpu

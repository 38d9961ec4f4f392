// The backward pass of a job, tile by tile (docs/arithmetic.md §3).
#include <algorithm>

#include "job.h"
#include "norm.h"

namespace r3mes::cpu {

void Job::backward_to_attention(int layer, const Tile& t, Arena& arena) {
  const Layer& weights = model_.layers[layer];
  LayerActivations& a = activations(layer);
  LayerGradients& g = gradients_[layer % 2];
  const int C = shape_.hidden_size, F = shape_.ffn_size;
  const std::size_t atC = t.row * C, atF = t.row * F, nC = static_cast<std::size_t>(t.rows) * C, nF = static_cast<std::size_t>(t.rows) * F;
  const auto linear = [&](int index, const float* dy, float* dx, bool add, const char* name) {
    const LoraLinear* adapter = lora(layer, index);
    linear_backward(weights.linears[index], adapter, dy, weights.linears[index].out(), t.rows, dx, weights.linears[index].in(), add,
                    adapter == nullptr ? nullptr : g.du[index].at(t.row * adapter->rank), arena, where(name, layer, t));
  };
  Arena::Mark mark(arena);
  float* h = arena.get<float>(nF);
  float* dh = arena.get<float>(nF);
  float* dn = arena.get<float>(nC);
  const float* gate = a.gate.at(atF);
  const float* up = a.up.at(atF);

  for (std::size_t i = 0; i < nF; ++i) {
    const float p = gate[i] > 0.0f ? gate[i] : 0.0f;
    h[i] = (p * p) * up[i];
  }
  linear(R3MES_DOWN, g.d_out.at(atC), dh, false, "gradient of mlp.down_proj output");
  for (int i = 0; i < t.rows; ++i) {
    const float rstd = *a.rstd_ffn.at(t.row + i);
    rms_scale(h + i * F, weights.ffn_sub_norm.data(), F, rstd, g.n_ffn.at(atF + i * F));
    rms_norm_backward(dh + i * F, h + i * F, weights.ffn_sub_norm.data(), rstd, F, dh + i * F, arena,
                      where("gradient of mlp.ffn_sub_norm output", layer, t), i);
  }
  float* d_gate = g.d_gate.at(atF);
  float* d_up = g.d_up.at(atF);
  for (std::size_t i = 0; i < nF; ++i) {
    const float p = gate[i] > 0.0f ? gate[i] : 0.0f;
    const float dp = dh[i] * up[i];
    d_up[i] = dh[i] * (p * p);
    d_gate[i] = dp * (p + p);
  }
  linear(R3MES_GATE, d_gate, dn, false, "gradient of mlp.gate_proj output");
  linear(R3MES_UP, d_up, dn, true, "gradient of mlp.up_proj output");
  for (int i = 0; i < t.rows; ++i) {
    const float rstd = *a.rstd_post.at(t.row + i);
    const float* x = a.x_mid.at(atC + i * C);
    rms_scale(x, weights.post_attention_norm.data(), C, rstd, g.n_post.at(atC + i * C));
    rms_norm_backward(dn + i * C, x, weights.post_attention_norm.data(), rstd, C, dn + i * C, arena,
                      where("gradient of post_attention_layernorm output", layer, t), i);
  }
  add_rows(g.d_out.at(atC), dn, nC, g.d_mid.at(atC));

  linear(R3MES_O, g.d_mid.at(atC), dn, false, "gradient of self_attn.o_proj output");
  for (int i = 0; i < t.rows; ++i) {
    const float rstd = *a.rstd_sub.at(t.row + i);
    const float* x = a.o.at(atC + i * C);
    rms_scale(x, weights.attention_sub_norm.data(), C, rstd, g.n_sub.at(atC + i * C));
    rms_norm_backward(dn + i * C, x, weights.attention_sub_norm.data(), rstd, C, d_o_.at(atC + i * C), arena,
                      where("gradient of self_attn.attn_sub_norm output", layer, t), i);
  }
}

/** 1, or twice the stripes into which queries and keys are split. */
int Job::backward_attention_parts() const {
  const bool whole = T_ <= kStripe || (T_ <= kWholeSquare && sequences_ * shape_.kv_heads >= pool_.threads());
  return whole ? 1 : 2 * ((T_ + kStripe - 1) / kStripe);
}

void Job::backward_attention(int layer, int task, Arena& arena) {
  LayerActivations& a = activations(layer);
  LayerGradients& g = gradients_[layer % 2];
  const int parts = backward_attention_parts();
  const int part = task % parts, kv_head = task / parts % shape_.kv_heads, s = task / parts / shape_.kv_heads;
  const int first = part / 2 * kStripe, last = std::min(T_, first + kStripe);
  const int group = shape_.heads / shape_.kv_heads, d = shape_.head_size, C = shape_.hidden_size;
  const Where place{"gradient of attention scores", layer, first_sequence_ + s, 0};
  const std::size_t token = static_cast<std::size_t>(s) * T_;
  const KeyValue kv = prepare_backward(heads(a.k, a.k_e, s, kv_head, shape_.kv_heads), heads(a.v, a.v_e, s, kv_head, shape_.kv_heads),
                                       T_, d, arena);
  float* dk = g.d_k.at(token * kv_size_ + kv_head * d);
  float* dv = g.d_v.at(token * kv_size_ + kv_head * d);
  for (int h = kv_head * group; h < (kv_head + 1) * group; ++h) {
    Arena::Mark mark(arena);
    const std::size_t row = (static_cast<std::size_t>(s) * shape_.heads + h) * T_, at = token * C + h * d;
    const QueryHead head = prepare_query_head(heads(a.q, a.q_e, s, h, shape_.heads), d_o_.at(at), a.o.at(at), C, T_, d, a.row_max.at(row),
                                              a.inverse_sum.at(row), attention_scale_, arena,
                                              Where{"gradient of attention output", layer, first_sequence_ + s, 0});
    const bool add = h > kv_head * group;
    if (parts == 1) {
      attention_backward(kv, head, g.d_q.at(at), C, dk, dv, kv_size_, add, arena, place);
    } else if (part % 2 == 0) {
      attention_backward_queries(kv, head, first, last, g.d_q.at(at), C, arena, place);
    } else {
      attention_backward_keys(kv, head, first, last, dk, dv, kv_size_, add, arena, place);
    }
  }
}

void Job::backward_from_attention(int layer, const Tile& t, Arena& arena) {
  const Layer& weights = model_.layers[layer];
  LayerActivations& a = activations(layer);
  LayerGradients& g = gradients_[layer % 2];
  const int C = shape_.hidden_size, d = shape_.head_size;
  const std::size_t atC = t.row * C, atK = t.row * kv_size_, nC = static_cast<std::size_t>(t.rows) * C;
  for (int i = 0; i < t.rows; ++i) {
    const std::size_t angle = static_cast<std::size_t>(t.first + i) * (d / 2);
    for (int h = 0; h < shape_.heads; ++h) {
      rope_backward(g.d_q.at(atC + i * C + h * d), d / 2, &rope_.cosine[angle], &rope_.sine[angle]);
    }
    for (int h = 0; h < shape_.kv_heads; ++h) {
      rope_backward(g.d_k.at(atK + i * kv_size_ + h * d), d / 2, &rope_.cosine[angle], &rope_.sine[angle]);
    }
  }
  Arena::Mark mark(arena);
  // Nothing below the first layer is trained: it needs du, but no gradient of its input.
  float* dn = layer == 0 ? nullptr : arena.get<float>(nC);
  const auto linear = [&](int index, const float* dy, bool add, const char* name) {
    const LoraLinear* adapter = lora(layer, index);
    if (dn == nullptr && adapter == nullptr) return;
    linear_backward(weights.linears[index], adapter, dy, weights.linears[index].out(), t.rows, dn, C, add && dn != nullptr,
                    adapter == nullptr ? nullptr : g.du[index].at(t.row * adapter->rank), arena, where(name, layer, t));
  };
  linear(R3MES_Q, g.d_q.at(atC), false, "gradient of self_attn.q_proj output");
  linear(R3MES_K, g.d_k.at(atK), true, "gradient of self_attn.k_proj output");
  linear(R3MES_V, g.d_v.at(atK), true, "gradient of self_attn.v_proj output");
  for (int i = 0; i < t.rows; ++i) {
    const float rstd = *a.rstd_in.at(t.row + i);
    const float* x = x_in(layer, t.row + i);
    rms_scale(x, weights.input_norm.data(), C, rstd, g.n_in.at(atC + i * C));
    if (dn == nullptr) continue;
    rms_norm_backward(dn + i * C, x, weights.input_norm.data(), rstd, C, dn + i * C, arena,
                      where("gradient of input_layernorm output", layer, t), i);
  }
  if (dn != nullptr) add_rows(g.d_mid.at(atC), dn, nC, gradients_[(layer - 1) % 2].d_out.at(atC));
}

void Job::parameter_gradients(int layer, int task, float* gradients, Arena& arena) {
  const GradientTask& work = gradient_tasks_[task];
  const LayerActivations& a = activations(layer);
  const LayerGradients& g = gradients_[layer % 2];
  const int rank = batch_.lora->rank;
  const Buffer<float>* inputs[R3MES_LINEARS] = {&g.n_in, &g.n_in, &g.n_in, &g.n_sub, &g.n_post, &g.n_post, &g.n_ffn};
  const Buffer<float>* outputs[R3MES_LINEARS] = {&g.d_q, &g.d_k, &g.d_v, &g.d_mid, &g.d_gate, &g.d_up, &g.d_out};
  for (int s = 0; s < sequences_; ++s) {
    for (int t0 = 0; t0 < T_; t0 += kCanonicalBlock) {
      const int tokens = std::min(kCanonicalBlock, T_ - t0);
      const std::size_t row = static_cast<std::size_t>(s) * T_ + t0;
      const Where place{work.of_a ? "input of a linear layer" : "gradient of a linear layer's output", layer, first_sequence_ + s, t0};
      const int at = layer * R3MES_LINEARS + work.linear;
      if (!work.of_a) {
        const int out = linear_out(shape_, work.linear);
        Arena::Mark mark(arena);
        const BlockColumns dy = block_columns(outputs[work.linear]->at(row * out), out, tokens, work.first, work.count, arena, place);
        lora_gradient_b(dy, a.u[work.linear].at(row * rank), tokens, rank, lora_[at].scaling, gradients + layout_.b[at], arena, place);
        continue;
      }
      Arena::Mark mark(arena);
      const int in = linear_in(shape_, work.linear);
      const BlockColumns columns = block_columns(inputs[work.linear]->at(row * in), in, tokens, work.first, work.count, arena, place);
      for (int linear = work.linear; linear < R3MES_LINEARS && inputs[linear] == inputs[work.linear]; ++linear) {
        if (!targets(linear, linear)) continue;
        lora_gradient_a(columns, g.du[linear].at(row * rank), tokens, rank, in, gradients + layout_.a[layer * R3MES_LINEARS + linear], arena, place);
      }
    }
  }
}

}  // namespace r3mes::cpu

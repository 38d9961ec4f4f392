// The whole network of docs/arithmetic.md over one job, one sequence after the other, from the operators of `Ops`:
// Second (bit for bit what the engine computes) or Ideal (binary64).
#pragma once

#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "synthetic.h"

namespace test {

template <class Ops>
class Network {
 public:
  using Real = typename Ops::Real;
  using Reals = typename Ops::Reals;
  /** Units of 2^-20 nats, or nats. */
  using Loss = std::conditional_t<std::is_same_v<Real, float>, std::int64_t, double>;

  Network(const SyntheticModel& model, const r3mes_model* engine, const r3mes_lora& lora, const std::vector<float>& adapter)
      : model_(model), s_(model.shape), lora_(lora), adapter_(adapter) {
    std::size_t count = 0, size = 0;
    r3mes_adapter_layout(&count, &size, nullptr, engine, &lora, nullptr);
    tensors.resize(count);
    r3mes_adapter_layout(&count, &size, tensors.data(), engine, &lora, nullptr);
    for (const r3mes_adapter_tensor& t : tensors) offsets_[t.name] = t.offset;
    gradients.resize(size);
    layers_.resize(s_.layers);
    for (int l = 0; l < s_.layers; ++l) {
      for (int i = 0; i < R3MES_LINEARS; ++i) unpack(l, i);
    }
  }

  Reals logits;
  std::vector<Loss> losses;
  Reals gradients;
  std::vector<r3mes_adapter_tensor> tensors;

  void run(const std::vector<std::int32_t>& tokens, int sequences, int length) {
    T_ = length;
    Ops::rope_table(cosine_, sine_, length, s_.head_size, s_.rope_theta);
    for (int i = 0; i < sequences; ++i) {
      const std::vector<std::int32_t> sequence(tokens.begin() + i * length, tokens.begin() + (i + 1) * length);
      one(sequence, static_cast<std::int64_t>(sequences) * (length - 1));
    }
  }

 private:
  struct Layer {
    std::vector<std::int8_t> w[R3MES_LINEARS];
    r3mes_linear linear[R3MES_LINEARS];
    std::size_t a[R3MES_LINEARS] = {}, b[R3MES_LINEARS] = {};
    Reals u[R3MES_LINEARS];
    Reals x_in, n_in, q, k, v, o, n_sub, x_mid, n_post, gate, up, h, n_ffn;
    Reals rstd_in, rstd_sub, rstd_post, rstd_ffn;
    std::vector<Reals> row_max, inverse;  // by head
  };

  void unpack(int l, int i) {
    static const char* const names[] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                                        "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};
    const int kv = s_.kv_heads * s_.head_size;
    const int out = i == R3MES_K || i == R3MES_V ? kv : i == R3MES_GATE || i == R3MES_UP ? s_.ffn_size : s_.hidden_size;
    const int in = i == R3MES_DOWN ? s_.ffn_size : s_.hidden_size;
    const r3mes_packed_matrix& packed = model_.layers[l].linears[i];
    Layer& layer = layers_[l];
    for (int o = 0; o < out; ++o) {
      const int row = o % (out / 4), part = o / (out / 4);
      for (int c = 0; c < in; ++c) layer.w[i].push_back(static_cast<std::int8_t>((packed.codes[static_cast<std::size_t>(row) * in + c] >> (2 * part) & 3) - 1));
    }
    r3mes_linear& linear = layer.linear[i] = {layer.w[i].data(), packed.scale, nullptr, nullptr, lora_.alpha / static_cast<float>(lora_.rank), in, out, lora_.rank};
    if ((lora_.targets >> i & 1u) == 0) return;
    const std::string name = "base_model.model.model.layers." + std::to_string(l) + "." + names[i] + ".lora_";
    layer.a[i] = offsets_.at(name + "A.weight");
    layer.b[i] = offsets_.at(name + "B.weight");
    linear.a = adapter_.data() + layer.a[i];
    linear.b = adapter_.data() + layer.b[i];
  }

  Reals forward_linear(Layer& layer, int i, const Reals& x) {
    Reals y;
    Ops::linear(y, layer.u[i], layer.linear[i], x, T_);
    return y;
  }

  Reals backward_linear(Layer& layer, int i, const Reals& dy, const Reals& x) {
    const r3mes_linear& l = layer.linear[i];
    Reals da(l.a == nullptr ? 0 : static_cast<std::size_t>(l.rank) * l.in), db(l.a == nullptr ? 0 : static_cast<std::size_t>(l.rank) * l.out);
    // What earlier sequences gave comes first: the blocks of this one are added to it in their order.
    for (std::size_t k = 0; k < da.size(); ++k) da[k] = gradients[layer.a[i] + k];
    for (std::size_t k = 0; k < db.size(); ++k) db[k] = gradients[layer.b[i] + k];
    Reals dx = Ops::linear_backward(da, db, l, dy, x, layer.u[i], T_);
    for (std::size_t k = 0; k < da.size(); ++k) gradients[layer.a[i] + k] = da[k];
    for (std::size_t k = 0; k < db.size(); ++k) gradients[layer.b[i] + k] = db[k];
    return dx;
  }

  static Reals sum(const Reals& a, const Reals& b) {
    Reals out(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) out[i] = a[i] + b[i];
    return out;
  }

  /** sign 1 rotates, −1 rotates back. */
  void rope(Reals& x, int heads, int sign) const {
    const int d = s_.head_size, half = d / 2;
    for (int t = 0; t < T_; ++t) {
      for (int h = 0; h < heads; ++h) {
        Real* at = &x[(static_cast<std::size_t>(t) * heads + h) * d];
        for (int i = 0; i < half; ++i) {
          const Real a = at[i], b = at[i + half], c = cosine_[t * half + i], s = sine_[t * half + i];
          at[i] = sign > 0 ? (a * c) - (b * s) : (a * c) + (b * s);
          at[i + half] = sign > 0 ? (b * c) + (a * s) : (b * c) - (a * s);
        }
      }
    }
  }

  Reals head_of(const Reals& x, int head, int heads) const {
    Reals out;
    for (int t = 0; t < T_; ++t) {
      const auto from = x.begin() + (static_cast<std::ptrdiff_t>(t) * heads + head) * s_.head_size;
      out.insert(out.end(), from, from + s_.head_size);
    }
    return out;
  }

  void put_head(Reals& x, const Reals& from, int head, int heads, bool add) const {
    for (int t = 0; t < T_; ++t) {
      for (int c = 0; c < s_.head_size; ++c) {
        Real& to = x[(static_cast<std::size_t>(t) * heads + head) * s_.head_size + c];
        to = add ? to + from[t * s_.head_size + c] : from[t * s_.head_size + c];
      }
    }
  }

  void one(const std::vector<std::int32_t>& tokens, std::int64_t job_labels);
  Reals forward_layer(int l, const Reals& x);
  Reals backward_layer(int l, const Reals& d_out);

  const SyntheticModel& model_;
  const r3mes_model_shape& s_;
  const r3mes_lora lora_;
  const std::vector<float>& adapter_;
  std::map<std::string, std::size_t> offsets_;
  std::vector<Layer> layers_;
  Reals cosine_, sine_;
  int T_ = 0;
};

template <class Ops>
typename Ops::Reals Network<Ops>::forward_layer(int l, const Reals& x) {
  Layer& layer = layers_[l];
  const r3mes_layer_weights& weights = model_.layers[l];
  const int C = s_.hidden_size, F = s_.ffn_size, H = s_.heads, G = s_.kv_heads, d = s_.head_size;
  layer.x_in = x;
  Ops::rms_norm(layer.n_in, layer.rstd_in, x, weights.input_norm, s_.rms_epsilon, T_, C);
  layer.q = forward_linear(layer, R3MES_Q, layer.n_in);
  layer.k = forward_linear(layer, R3MES_K, layer.n_in);
  layer.v = forward_linear(layer, R3MES_V, layer.n_in);
  rope(layer.q, H, 1);
  rope(layer.k, G, 1);
  layer.o.assign(static_cast<std::size_t>(T_) * C, Real(0));
  layer.row_max.resize(H);
  layer.inverse.resize(H);
  for (int h = 0; h < H; ++h) {
    Reals o;
    Ops::attention(o, layer.row_max[h], layer.inverse[h], head_of(layer.q, h, H), head_of(layer.k, h * G / H, G), head_of(layer.v, h * G / H, G), T_, d);
    put_head(layer.o, o, h, H, false);
  }
  Ops::rms_norm(layer.n_sub, layer.rstd_sub, layer.o, weights.attention_sub_norm, s_.rms_epsilon, T_, C);
  layer.x_mid = sum(x, forward_linear(layer, R3MES_O, layer.n_sub));
  Ops::rms_norm(layer.n_post, layer.rstd_post, layer.x_mid, weights.post_attention_norm, s_.rms_epsilon, T_, C);
  layer.gate = forward_linear(layer, R3MES_GATE, layer.n_post);
  layer.up = forward_linear(layer, R3MES_UP, layer.n_post);
  layer.h.resize(layer.gate.size());
  for (std::size_t i = 0; i < layer.h.size(); ++i) {
    const Real p = layer.gate[i] > 0 ? layer.gate[i] : Real(0);
    layer.h[i] = (p * p) * layer.up[i];
  }
  Ops::rms_norm(layer.n_ffn, layer.rstd_ffn, layer.h, weights.ffn_sub_norm, s_.rms_epsilon, T_, F);
  return sum(layer.x_mid, forward_linear(layer, R3MES_DOWN, layer.n_ffn));
}

template <class Ops>
typename Ops::Reals Network<Ops>::backward_layer(int l, const Reals& d_out) {
  Layer& layer = layers_[l];
  const r3mes_layer_weights& weights = model_.layers[l];
  const int C = s_.hidden_size, F = s_.ffn_size, H = s_.heads, G = s_.kv_heads, d = s_.head_size;
  Reals dh = Ops::rms_norm_backward(backward_linear(layer, R3MES_DOWN, d_out, layer.n_ffn), layer.h, weights.ffn_sub_norm, layer.rstd_ffn, T_, F);
  Reals d_gate(dh.size()), d_up(dh.size());
  for (std::size_t i = 0; i < dh.size(); ++i) {
    const Real p = layer.gate[i] > 0 ? layer.gate[i] : Real(0), dp = dh[i] * layer.up[i];
    d_up[i] = dh[i] * (p * p);
    d_gate[i] = dp * (p + p);
  }
  const Reals dx_gate = backward_linear(layer, R3MES_GATE, d_gate, layer.n_post);
  const Reals dn_post = sum(dx_gate, backward_linear(layer, R3MES_UP, d_up, layer.n_post));
  const Reals d_mid = sum(d_out, Ops::rms_norm_backward(dn_post, layer.x_mid, weights.post_attention_norm, layer.rstd_post, T_, C));
  const Reals d_o = Ops::rms_norm_backward(backward_linear(layer, R3MES_O, d_mid, layer.n_sub), layer.o, weights.attention_sub_norm, layer.rstd_sub, T_, C);
  Reals dq(layer.q.size()), dk(layer.k.size()), dv(layer.v.size());
  for (int h = 0; h < H; ++h) {
    const int g = h * G / H;
    Reals dq_h, dk_h, dv_h;
    Ops::attention_backward(dq_h, dk_h, dv_h, head_of(d_o, h, H), head_of(layer.q, h, H), head_of(layer.k, g, G), head_of(layer.v, g, G),
                            head_of(layer.o, h, H), layer.row_max[h], layer.inverse[h], T_, d);
    put_head(dq, dq_h, h, H, false);
    put_head(dk, dk_h, g, G, h % (H / G) != 0);
    put_head(dv, dv_h, g, G, h % (H / G) != 0);
  }
  rope(dq, H, -1);
  rope(dk, G, -1);
  const Reals dx_q = backward_linear(layer, R3MES_Q, dq, layer.n_in);
  const Reals dx_qk = sum(dx_q, backward_linear(layer, R3MES_K, dk, layer.n_in));
  const Reals dn = sum(dx_qk, backward_linear(layer, R3MES_V, dv, layer.n_in));
  return sum(d_mid, Ops::rms_norm_backward(dn, layer.x_in, weights.input_norm, layer.rstd_in, T_, C));
}

template <class Ops>
void Network<Ops>::one(const std::vector<std::int32_t>& tokens, std::int64_t job_labels) {
  const int C = s_.hidden_size, V = s_.vocab_size;
  const std::vector<float>& head = model_.head.empty() ? model_.embedding : model_.head;
  Reals x;
  for (const std::int32_t token : tokens) x.insert(x.end(), model_.embedding.begin() + token * C, model_.embedding.begin() + (token + 1) * C);
  for (int l = 0; l < s_.layers; ++l) x = forward_layer(l, x);
  Reals n, rstd, own_logits, dn;
  std::vector<Loss> token_losses;
  Ops::rms_norm(n, rstd, x, model_.final_norm.data(), s_.rms_epsilon, T_, C);
  std::vector<std::int32_t> labels(tokens.begin() + 1, tokens.end());
  labels.push_back(0);  // gives the last token's logits; its loss and gradient are dropped
  Ops::head(own_logits, token_losses, dn, head, n, labels, job_labels, T_, V, C);
  logits.insert(logits.end(), own_logits.begin(), own_logits.end());
  Loss loss = 0;
  for (int t = 0; t + 1 < T_; ++t) loss += token_losses[t];
  losses.push_back(loss);
  for (int c = 0; c < C; ++c) dn[static_cast<std::size_t>(T_ - 1) * C + c] = Real(0);
  Reals dx = Ops::rms_norm_backward(dn, x, model_.final_norm.data(), rstd, T_, C);
  for (int l = s_.layers - 1; l >= 0; --l) dx = backward_layer(l, dx);
}

}  // namespace test

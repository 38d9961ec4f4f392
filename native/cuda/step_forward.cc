// The forward pass of a micro-batch (docs/arithmetic.md §2).
#include <algorithm>
#include <vector>

#include "step.h"

namespace r3mes::cuda {

/** RMSNorm of every row of the source: act8_, dequant_ and row16_ are what the linear layers behind it take. */
void Step::norm(int layer, const RowSource& source, const float* w, int n, float* rstd, const char* input, const char* output) {
  NormForward::Args args{};
  args.source = source;
  args.rows = all_rows();
  args.w = w;
  args.n = n;
  args.epsilon = shape_.rms_epsilon;
  args.rstd = rstd;
  args.act8 = act8_;
  args.dequant_scale = dequant_;
  args.row16 = shaped(row16_, n);
  args.ld = padded_terms(n);
  args.gate = check("mlp.gate_proj output", layer);
  args.input = check(input, layer);
  args.output = check(output, layer);
  launch<NormForward>(device_, {R_}, args);
}

/** y = base + scaling · B u of what `norm` left. */
void Step::linear_forward(int layer, int linear, float* y, const char* name) {
  const DeviceLinear& w = weights(layer).linears[linear];
  TernaryProduct<1>::Args args{};
  args.high = act8_;
  args.dequant_scale = dequant_;
  args.weights = w.words;
  args.ld = padded_terms(w.in);
  args.rows = R_;
  args.columns = w.out;
  args.scale = w.scale;
  args.y = y;
  launch<TernaryProduct<1>>(device_, {blocks_for(w.out, kTile), blocks_for(R_, kTile)}, args);
  const Lora* l = lora(layer, linear);
  if (l == nullptr) return;
  float* u = activations(layer).u[linear];
  run_product(device_, product_of(shaped(row16_, w.in), l->a_rows, R_, rank_, w.in, u));
  row16_rows(device_, u, R_, rank_, u16_, check(name, layer));
  PlaneProductArgs lift = product_of(u16_, l->b_rows, R_, w.out, rank_, y);
  lift.factor = scaling_;
  lift.add = 1;
  run_product(device_, lift);
}

void Step::heads(int layer, const float* y, int count, bool rotated, const Planes& out, const char* name) {
  RopeRow16::Args args{};
  args.y = y;
  if (rotated) {
    args.cosine = cosine_;
    args.sine = sine_;
  }
  args.sequences = sequences_;
  args.tokens = T_;
  args.heads = count;
  args.size = d_;
  args.out = out;
  args.refusals = check(name, layer);
  launch<RopeRow16>(device_, {blocks_for(R_ * count, RopeRow16::kRows)}, args);
}

/** rows [matrix · T] of a times rows of b: sums [T, T] of up to `matrices_` heads, counted from `first`; b is shared by `group`. */
void Step::attention_product(const Planes& a, const Planes& b, int group, std::int64_t first, std::int64_t matrices, float* y) {
  PlaneProductArgs args = product_of(a, b, T_, T_, d_, y);
  args.rows_a = {1, T_, 0, first};
  args.rows_b = {group, T_, 0, first};
  args.matrices_y = {1, static_cast<std::int64_t>(T_) * T_, 0, 0};
  args.causal = kLowerSums;
  args.factor = attention_scale_;
  run_product(device_, args, matrices);
}

void Step::forward_attention(int layer) {
  Activations& a = activations(layer);
  const int group = H_ / G_;
  const std::int64_t all = static_cast<std::int64_t>(sequences_) * H_;
  transpose(device_, a.v, v_columns_, T_, d_, static_cast<std::int64_t>(sequences_) * G_);
  for (std::int64_t first = 0; first < all; first += matrices_) {
    const std::int64_t matrices = std::min<std::int64_t>(matrices_, all - first);
    attention_product(a.q, a.k, group, first, matrices, scores_);
    launch<Softmax>(device_, {T_, matrices},
                    {scores_, T_, group, first, a.v.e, a.row_max, a.inverse_sum, weights16_, stages_.check("attention scores", layer, T_, H_)});
    PlaneProductArgs o = product_of(weights16_, v_columns_, T_, d_, T_, a.o);
    o.b.e = nullptr;
    o.rows_a = {1, T_, 0, 0};
    o.rows_b = {group, d_, 0, first};
    o.causal = kTermsUpTo;
    o.row_factor = a.inverse_sum;
    o.row_factors = {1, T_, 0, first};
    o.matrices_y = {H_, static_cast<std::int64_t>(T_) * C_, d_, first};
    o.ldy = C_;
    run_product(device_, o, matrices);
  }
}

void Step::forward_layer(int layer) {
  const DeviceLayer& w = weights(layer);
  Activations& a = activations(layer);
  norm(layer, {x_in(layer), nullptr}, w.input_norm, C_, a.rstd_in, "input_layernorm input", "input_layernorm output");
  linear_forward(layer, R3MES_Q, y_, "self_attn.q_proj output");
  heads(layer, y_, H_, true, a.q, "self_attn.q_proj output");
  linear_forward(layer, R3MES_K, y_, "self_attn.k_proj output");
  heads(layer, y_, G_, true, a.k, "self_attn.k_proj output");
  linear_forward(layer, R3MES_V, y_, "self_attn.v_proj output");
  heads(layer, y_, G_, false, a.v, "self_attn.v_proj output");
  forward_attention(layer);
  norm(layer, {a.o, nullptr}, w.attention_sub_norm, C_, a.rstd_sub, "self_attn.attn_sub_norm input", "self_attn.attn_sub_norm output");
  linear_forward(layer, R3MES_O, y_, "self_attn.o_proj output");
  launch<AddRows>(device_, {blocks_for(R_ * C_, AddRows::kThreads)}, {x_in(layer), y_, a.x_mid, R_ * C_});
  norm(layer, {a.x_mid, nullptr}, w.post_attention_norm, C_, a.rstd_post, "post_attention_layernorm input", "post_attention_layernorm output");
  linear_forward(layer, R3MES_GATE, a.gate, "mlp.gate_proj output");
  linear_forward(layer, R3MES_UP, a.up, "mlp.up_proj output");
  norm(layer, {a.gate, a.up}, w.ffn_sub_norm, F_, a.rstd_ffn, "mlp.ffn_sub_norm input", "mlp.ffn_sub_norm output");
  linear_forward(layer, R3MES_DOWN, y_, "mlp.down_proj output");
}

/** Logits, or the losses and the gradient of the last residual stream in d_out_; in parts that fit into memory. */
void Step::head(int first_sequence, float* logits, std::int64_t* losses) {
  const bool train = kind_ == Kind::kTrain;
  const int per = kind_ == Kind::kLogits ? T_ : T_ - 1;
  const std::int64_t rows = static_cast<std::int64_t>(sequences_) * per;
  float* x = x_in(shape_.layers);
  if (train) device_.fill(d_out_, 0, static_cast<std::size_t>(R_ * C_) * sizeof(float));
  const auto place = [&](const char* tensor, r3mes_status status = R3MES_NOT_FINITE) { return stages_.check(tensor, -1, per, 1, status); };
  for (std::int64_t i0 = 0; i0 < rows; i0 += head_rows_) {
    const std::int64_t m = std::min<std::int64_t>(head_rows_, rows - i0);
    NormForward::Args norm{};
    norm.source = {x, nullptr};
    norm.rows = TokenRows{per, T_, i0};
    norm.w = model_.final_norm;
    norm.n = C_;
    norm.epsilon = shape_.rms_epsilon;
    norm.rstd = rstd_last_;
    norm.row16 = head_n_;
    norm.ld = head_n_.ld;
    norm.input = check("norm input", -1);
    norm.output = check("norm output", -1);
    launch<NormForward>(device_, {m}, norm);
    run_product(device_, product_of(head_n_, model_.head, m, V_, C_, logits_));
    if (kind_ == Kind::kLogits) {
      launch<RequireFinite>(device_, {blocks_for(m * V_, RequireFinite::kThreads)}, {logits_, m, V_, i0, place("logits")});
      stages_.require();
      device_.download(logits + (static_cast<std::int64_t>(first_sequence) * T_ + i0) * V_, logits_, static_cast<std::size_t>(m * V_) * sizeof(float));
      continue;
    }
    launch<HeadLoss>(device_, {m},
                     {logits_, V_, labels_at_ + i0, losses_ + i0, head_inverse_, train ? model_.head.e : nullptr, head_weights_, i0, place("logits"),
                      place("loss", R3MES_OVERFLOW)});
    if (!train) continue;
    PlaneProductArgs back = product_of(head_weights_, model_.head_columns, m, C_, V_, head_dn_);
    back.b.e = nullptr;
    back.row_factor = head_inverse_;
    back.labels = labels_at_ + i0;
    back.own = model_.head;
    back.inverse_labels = 1.0f / static_cast<float>(labels_);
    run_product(device_, back);
    NormBackward::Args dx{};
    dx.dy = head_dn_;
    dx.source = {x, nullptr};
    dx.rows = norm.rows;
    dx.w = model_.final_norm;
    dx.rstd = rstd_last_;
    dx.n = C_;
    dx.dx = d_out_;
    dx.refusals = check("gradient of norm output", -1);
    launch<NormBackward>(device_, {m}, dx);
  }
  if (kind_ == Kind::kLogits) return;
  std::vector<std::int64_t> each(static_cast<std::size_t>(rows));
  device_.download(each.data(), losses_, each.size() * sizeof(std::int64_t));
  for (int s = 0; s < sequences_; ++s) {
    std::int64_t sum = 0;
    for (int t = 0; t < per; ++t) sum += each[static_cast<std::size_t>(s) * static_cast<std::size_t>(per) + static_cast<std::size_t>(t)];
    losses[first_sequence + s] = sum;
  }
}

}  // namespace r3mes::cuda

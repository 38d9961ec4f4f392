// The backward pass of a micro-batch (docs/arithmetic.md §3).
#include <algorithm>

#include "step.h"

namespace r3mes::cuda {

/** dx = base + dz, or dx + (base + dz) where `add`; dx may be null. du_ where the linear carries LoRA. */
void Step::linear_backward(int layer, int linear, const float* dy, float* dx, bool add, const char* name) {
  const DeviceLinear& w = weights(layer).linears[linear];
  const Lora* l = lora(layer, linear);
  if (dx == nullptr && l == nullptr) return;
  const Planes dy16 = shaped(row16_, w.out);
  row16_rows(device_, dy, R_, w.out, dy16, check(name, layer));
  if (dx != nullptr) {
    TernaryProduct<2>::Args args{};
    args.high = dy16.high;
    args.low = dy16.low;
    args.e = dy16.e;
    args.weights = w.words_transposed;
    args.ld = padded_terms(w.out);
    args.rows = R_;
    args.columns = w.in;
    args.scale = w.scale;
    args.add = add && l == nullptr ? dx : nullptr;
    args.y = add && l != nullptr ? base_ : dx;  // base + dz is rounded before it is added to what is there
    launch<TernaryProduct<2>>(device_, {blocks_for(w.in, kTile), blocks_for(R_, kTile)}, args);
  }
  if (l == nullptr) return;
  PlaneProductArgs du = product_of(dy16, l->b_columns, R_, rank_, w.out, du_);
  du.factor = scaling_;
  run_product(device_, du);
  if (dx == nullptr) return;
  row16_rows(device_, du_, R_, rank_, u16_, check(name, layer));
  PlaneProductArgs dz = product_of(u16_, l->a_columns, R_, w.in, rank_, add ? base_ : dx);
  dz.add = 1;
  if (add) dz.total = dx;
  run_product(device_, dz);
}

void Step::parameter_gradients(int layer, int linear, const float* dy, const float* input) {
  const Lora* l = lora(layer, linear);
  if (l == nullptr) return;
  const int in = linear_in(shape_, linear), out = linear_out(shape_, linear);
  const std::int64_t blocks = static_cast<std::int64_t>(sequences_) * canonical_blocks(T_);
  const auto sum = [&](const Planes& a, const Planes& b, int rows, int columns, float factor, float* y) {
    launch<GradientProduct>(device_, {blocks_for(columns, kTile), blocks_for(rows, kTile)}, {a, b, rows, columns, blocks, factor, y});
  };
  const Refusals outputs = check("gradient of a linear layer's output", layer), inputs = check("input of a linear layer", layer);
  block_columns(device_, dy, sequences_, T_, out, wide_columns_, outputs);
  block_columns(device_, activations(layer).u[linear], sequences_, T_, rank_, narrow_columns_, outputs);
  sum(wide_columns_, narrow_columns_, out, rank_, scaling_, gradients_ + l->b_offset);
  block_columns(device_, input, sequences_, T_, in, wide_columns_, inputs);
  block_columns(device_, du_, sequences_, T_, rank_, narrow_columns_, inputs);
  sum(narrow_columns_, wide_columns_, rank_, in, 1.0f, gradients_ + l->a_offset);
}

void Step::norm_backward(int layer, const RowSource& source, const float* w, const float* rstd, int n, const float* dy, const float* add, float* dx,
                         const char* name) {
  NormBackward::Args args{};
  args.dy = dy;
  args.source = source;
  args.rows = all_rows();
  args.w = w;
  args.rstd = rstd;
  args.n = n;
  args.add = add;
  args.dx = dx;
  if (source.up != nullptr) {
    args.d_gate = d_gate_;
    args.d_up = d_up_;
  }
  args.refusals = check(name, layer);
  launch<NormBackward>(device_, {R_}, args);
}

void Step::backward_attention(int layer) {
  Activations& a = activations(layer);
  const int group = H_ / G_;
  const std::int64_t all = static_cast<std::int64_t>(sequences_) * G_, square = static_cast<std::int64_t>(T_) * T_;
  OutputGradients::Args outputs{};
  outputs.d_o = d_o_;
  outputs.o = a.o;
  outputs.sequences = sequences_;
  outputs.tokens = T_;
  outputs.heads = H_;
  outputs.size = d_;
  outputs.out = d_o16_;
  outputs.D = D_;
  outputs.refusals = check("gradient of attention output", layer);
  launch<OutputGradients>(device_, {blocks_for(R_ * H_, OutputGradients::kRows)}, outputs);
  transpose(device_, a.k, k_columns_, T_, d_, all);
  transpose(device_, a.q, q_columns_, T_, d_, all * group);
  transpose(device_, d_o16_, o_columns_, T_, d_, all * group);

  // The query heads of a KV head one after the other: their parts of dk and dv are added in this order.
  for (int member = 0; member < group; ++member) {
    for (std::int64_t first = 0; first < all; first += matrices_) {
      const std::int64_t matrices = std::min<std::int64_t>(matrices_, all - first);
      const auto heads_product = [&](const Planes& rows, const Planes& keys, float factor, float* y) {
        PlaneProductArgs args = product_of(rows.from(static_cast<std::int64_t>(member) * T_), keys, T_, T_, d_, y);
        args.rows_a = {1, static_cast<std::int64_t>(group) * T_, 0, first};
        args.rows_b = {1, T_, 0, first};
        args.matrices_y = {1, square, 0, 0};
        args.causal = kLowerSums;
        args.factor = factor;
        run_product(device_, args, matrices);
      };
      heads_product(a.q, a.k, attention_scale_, scores_);
      heads_product(d_o16_, a.v, 1.0f, d_scores_);
      const Refusals refusals = stages_.check("gradient of attention scores", layer, T_, H_);
      launch<Probabilities>(device_, {T_, matrices},
                            {scores_, d_scores_, T_, group, first, member, attention_scale_, a.k.e, a.row_max, a.inverse_sum, D_, weights16_, refusals});
      PlaneProductArgs dq = product_of(weights16_, k_columns_, T_, d_, T_, d_q_ + static_cast<std::int64_t>(member) * d_);
      dq.b.e = nullptr;
      dq.rows_a = {1, T_, 0, 0};
      dq.rows_b = {1, d_, 0, first};
      dq.matrices_y = {G_, static_cast<std::int64_t>(T_) * C_, static_cast<std::int64_t>(group) * d_, first};
      dq.ldy = C_;
      dq.causal = kTermsUpTo;
      run_product(device_, dq, matrices);

      const auto keys_gradient = [&](const float* x, const Planes& rows, const Planes& columns, float* y) {
        Row16Columns::Args quantise{};
        quantise.x = x;
        quantise.ldx = T_;
        quantise.stride = square;
        quantise.rows = quantise.columns = T_;
        quantise.causal = 1;
        quantise.fold = rows.e + (first * group + member) * T_;
        quantise.fold_stride = static_cast<std::int64_t>(group) * T_;
        quantise.out = columns16_;
        quantise.first = first;
        quantise.refusals = stages_.check("gradient of attention scores", layer, T_, G_);
        launch<Row16Columns>(device_, {blocks_for(T_, Row16Columns::kColumns), 1, matrices}, quantise);
        PlaneProductArgs sum = product_of(columns16_, columns.from(static_cast<std::int64_t>(member) * d_), T_, d_, T_, y);
        sum.b.e = nullptr;
        sum.rows_a = {1, T_, 0, 0};
        sum.rows_b = {1, static_cast<std::int64_t>(group) * d_, 0, first};
        sum.matrices_y = {G_, static_cast<std::int64_t>(T_) * K_, d_, first};
        sum.ldy = K_;
        sum.causal = kTermsFrom;
        sum.add = member > 0 ? 1 : 0;
        run_product(device_, sum, matrices);
      };
      keys_gradient(d_scores_, a.q, q_columns_, d_k_);
      keys_gradient(scores_, d_o16_, o_columns_, d_v_);
    }
  }
  const auto rotate_back = [&](float* y, int count) {
    const std::int64_t pairs = R_ * count * (d_ / 2);
    launch<RopeBackward>(device_, {blocks_for(pairs, RopeBackward::kThreads)}, {y, cosine_, sine_, R_, T_, count, d_});
  };
  rotate_back(d_q_, H_);
  rotate_back(d_k_, G_);
}

/** From the gradient of the layer's output in d_out_ to that of its input, in d_out_ as well. */
void Step::backward_layer(int layer) {
  const DeviceLayer& w = weights(layer);
  Activations& a = activations(layer);
  const auto normed = [&](const RowSource& source, const float* weight, const float* rstd, int n) {
    launch<NormScale>(device_, {R_}, {source, weight, rstd, n_, n});
  };
  const auto linear = [&](int index, const float* dy, float* dx, bool add, const char* name) {
    linear_backward(layer, index, dy, dx, add, name);
    parameter_gradients(layer, index, dy, n_);
  };
  normed({a.gate, a.up}, w.ffn_sub_norm, a.rstd_ffn, F_);
  linear(R3MES_DOWN, d_out_, wide_, false, "gradient of mlp.down_proj output");
  norm_backward(layer, {a.gate, a.up}, w.ffn_sub_norm, a.rstd_ffn, F_, wide_, nullptr, nullptr, "gradient of mlp.ffn_sub_norm output");

  normed({a.x_mid, nullptr}, w.post_attention_norm, a.rstd_post, C_);
  linear(R3MES_GATE, d_gate_, dn_, false, "gradient of mlp.gate_proj output");
  linear(R3MES_UP, d_up_, dn_, true, "gradient of mlp.up_proj output");
  norm_backward(layer, {a.x_mid, nullptr}, w.post_attention_norm, a.rstd_post, C_, dn_, d_out_, d_mid_,
                "gradient of post_attention_layernorm output");

  normed({a.o, nullptr}, w.attention_sub_norm, a.rstd_sub, C_);
  linear(R3MES_O, d_mid_, dn_, false, "gradient of self_attn.o_proj output");
  norm_backward(layer, {a.o, nullptr}, w.attention_sub_norm, a.rstd_sub, C_, dn_, nullptr, d_o_, "gradient of self_attn.attn_sub_norm output");

  backward_attention(layer);
  normed({x_in(layer), nullptr}, w.input_norm, a.rstd_in, C_);
  // Nothing below the first layer is trained: it needs du, but no gradient of its input.
  float* dn = layer == 0 ? nullptr : dn_;
  linear(R3MES_Q, d_q_, dn, false, "gradient of self_attn.q_proj output");
  linear(R3MES_K, d_k_, dn, true, "gradient of self_attn.k_proj output");
  linear(R3MES_V, d_v_, dn, true, "gradient of self_attn.v_proj output");
  if (dn == nullptr) return;
  norm_backward(layer, {x_in(layer), nullptr}, w.input_norm, a.rstd_in, C_, dn, d_mid_, d_out_, "gradient of input_layernorm output");
}

}  // namespace r3mes::cuda

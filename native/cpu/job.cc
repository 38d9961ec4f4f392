#include "job.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "bits.h"
#include "fpenv.h"
#include "norm.h"

namespace r3mes::cpu {

namespace {

/** Queries or keys of one attention task where a sequence is too long for one; a multiple of the key tile. */
constexpr int kStripe = 512;
/** Columns of one task of `parameter_gradients`. */
constexpr int kGradientColumns = 64;

int stripes(int tokens) { return tokens <= kWholeSquare ? 1 : (tokens + kStripe - 1) / kStripe; }

Pool::Cancelled cancellation(const r3mes_run_options& options) {
  if (options.cancelled == nullptr) return [] { return false; };
  return [cancelled = options.cancelled, context = options.context] { return cancelled(context) != 0; };
}

/** Refuses rows that are not finite: max(x, 0) would turn −infinity and NaN into a zero that nothing later notices. */
void require_finite(const float* x, int rows, int n, const Where& where) {
  for (int i = 0; i < rows; ++i) {
    const float* row = x + static_cast<std::size_t>(i) * n;
    if (absmax_bits(row, n) < kInfinityBits) continue;
    for (int c = 0; c < n; ++c) {
      if (!std::isfinite(row[c])) not_finite(where, i, c, row[c]);
    }
  }
}

void add_rows(const float* a, const float* b, std::size_t n, float* sum) {
  for (std::size_t i = 0; i < n; ++i) sum[i] = a[i] + b[i];
}

}  // namespace

Job::Job(const r3mes_model& model, const r3mes_sequences& batch, const r3mes_run_options& options, Kind kind)
    : model_(model),
      shape_(model.shape),
      batch_(batch),
      kind_(kind),
      pool_(std::clamp(options.threads, 1, 1024), cancellation(options)),
      T_(batch.sequence_length),
      kv_size_(shape_.kv_heads * shape_.head_size),
      head_stride_(padded(shape_.head_size)),
      attention_scale_(1.0f / std::sqrt(static_cast<float>(shape_.head_size))),
      micro_batch_(std::min(options.micro_batch, batch.sequences)),
      labels_(static_cast<std::int64_t>(batch.sequences) * (batch.sequence_length - 1)) {
  const auto refuse = [](r3mes_status status, const std::string& message) { throw Failure(status, message); };
  if (options.threads < 1) refuse(R3MES_BAD_VALUE, "threads is " + std::to_string(options.threads) + ", expected at least 1");
  if (options.micro_batch < 1) {
    refuse(R3MES_BAD_VALUE, "micro_batch is " + std::to_string(options.micro_batch) + ", expected at least 1");
  }
  if (batch.sequences < 1) refuse(R3MES_BAD_SHAPE, "there are no sequences");
  if (T_ < 1 || T_ > shape_.max_positions) {
    refuse(R3MES_BAD_SHAPE, "sequence_length is " + std::to_string(T_) + ", expected 1 to " + std::to_string(shape_.max_positions));
  }
  if (kind != Kind::kLogits && labels_ == 0) {
    refuse(R3MES_NO_LABELS, "sequences of one token have no labels: a loss needs at least two tokens");
  }
  const std::int64_t tokens = static_cast<std::int64_t>(batch.sequences) * T_;
  for (std::int64_t i = 0; i < tokens; ++i) {
    if (batch.tokens[i] < 0 || batch.tokens[i] >= shape_.vocab_size) {
      refuse(R3MES_BAD_TOKEN, "token " + std::to_string(i % T_) + " of sequence " + std::to_string(i / T_) + " is " +
                                  std::to_string(batch.tokens[i]) + ", expected 0 to " + std::to_string(shape_.vocab_size - 1));
    }
  }
  if ((batch.lora == nullptr) != (batch.adapter == nullptr)) refuse(R3MES_BAD_SHAPE, "an adapter needs its LoRA settings, and they need it");
  if (batch.lora == nullptr) {
    if (kind == Kind::kTrain) refuse(R3MES_BAD_SHAPE, "training needs an adapter");
  } else {
    layout_ = adapter_layout(shape_, *batch.lora);
    if (layout_.size != batch.adapter_size) {
      refuse(R3MES_BAD_SHAPE, "the adapter has " + std::to_string(batch.adapter_size) + " elements, expected " +
                                  std::to_string(layout_.size));
    }
  }
}

void Job::run(float* gradients, float* logits, std::int64_t* losses) {
  rope_ = rope_table(T_, model_.inverse_frequencies);
  if (batch_.lora != nullptr) {
    const float scaling = batch_.lora->alpha / static_cast<float>(batch_.lora->rank);
    lora_.resize(layout_.a.size());
    pool_.run(static_cast<int>(layout_.a.size()), [&](int i, Arena&) {
      const int linear = i % R3MES_LINEARS;
      if (!targets(linear, linear)) return;
      const std::string name = std::string(linear_name(linear)) + ".lora_";
      const std::string a = name + "A.weight", b = name + "B.weight";
      lora_[i] = prepare_lora(batch_.adapter + layout_.a[i], batch_.adapter + layout_.b[i], batch_.lora->rank,
                              linear_in(shape_, linear), linear_out(shape_, linear), scaling,
                              Where{a.c_str(), i / R3MES_LINEARS}, Where{b.c_str(), i / R3MES_LINEARS});
    });
  }
  if (kind_ == Kind::kTrain) {
    std::fill(gradients, gradients + layout_.size, 0.0f);
    // The linears that share an input stand together: q k v, o, gate up, down.
    constexpr int kShared[][2] = {{R3MES_Q, R3MES_V}, {R3MES_O, R3MES_O}, {R3MES_GATE, R3MES_UP}, {R3MES_DOWN, R3MES_DOWN}};
    for (const auto& [first, last] : kShared) {
      if (!targets(first, last)) continue;
      for (int c = 0; c < linear_in(shape_, first); c += kGradientColumns) {
        gradient_tasks_.push_back({true, first, c, std::min(kGradientColumns, linear_in(shape_, first) - c)});
      }
      for (int linear = first; linear <= last; ++linear) {
        if (!targets(linear, linear)) continue;
        for (int o = 0; o < linear_out(shape_, linear); o += kGradientColumns) {
          gradient_tasks_.push_back({false, linear, o, std::min(kGradientColumns, linear_out(shape_, linear) - o)});
        }
      }
    }
  }
  allocate(micro_batch_);
  for (int first = 0; first < batch_.sequences; first += micro_batch_) {
    micro_batch(first, std::min(micro_batch_, batch_.sequences - first), gradients, logits, losses);
  }
  if (kind_ == Kind::kTrain) {
    for (const AdapterTensor& t : layout_.tensors) {
      float* g = gradients + t.offset;
      for (int i = 0; i < t.rows * t.columns; ++i) {
        if (!std::isfinite(g[i])) not_finite(Where{("gradient of " + t.name).c_str()}, i / t.columns, i % t.columns, g[i]);
        g[i] = positive_zero(g[i]);
      }
    }
  }
}

void Job::allocate(int sequences) {
  const std::size_t R = static_cast<std::size_t>(sequences) * T_;
  const std::size_t C = shape_.hidden_size, F = shape_.ffn_size, K = kv_size_;
  const std::size_t H = shape_.heads, G = shape_.kv_heads, stride = head_stride_;
  const bool train = kind_ == Kind::kTrain;
  activations_.resize(train ? shape_.layers : 1);
  for (LayerActivations& a : activations_) {
    a.x_in.allocate(R * C);
    a.x_mid.allocate(R * C);
    a.o.allocate(R * C);
    a.gate.allocate(R * F);
    a.up.allocate(R * F);
    a.q.allocate(R * H * stride);
    a.k.allocate(R * G * stride);
    a.v.allocate(R * G * stride);
    a.q_e.allocate(R * H);
    a.k_e.allocate(R * G);
    a.v_e.allocate(R * G);
    a.row_max.allocate(R * H);
    a.inverse_sum.allocate(R * H);
    for (Buffer<float>* rstd : {&a.rstd_in, &a.rstd_sub, &a.rstd_post, &a.rstd_ffn}) rstd->allocate(R);
    for (int i = 0; i < R3MES_LINEARS; ++i) {
      if (targets(i, i)) a.u[i].allocate(R * batch_.lora->rank);
    }
  }
  x_last_.allocate(R * C);
  token_losses_.allocate(R);
  if (!train) return;
  d_o_.allocate(R * C);
  for (LayerGradients& g : gradients_) {
    for (Buffer<float>* b : {&g.n_in, &g.n_sub, &g.n_post, &g.d_q, &g.d_mid, &g.d_out}) b->allocate(R * C);
    for (Buffer<float>* b : {&g.d_k, &g.d_v}) b->allocate(R * K);
    for (Buffer<float>* b : {&g.n_ffn, &g.d_gate, &g.d_up}) b->allocate(R * F);
    for (int i = 0; i < R3MES_LINEARS; ++i) {
      if (targets(i, i)) g.du[i].allocate(R * batch_.lora->rank);
    }
  }
}

void Job::micro_batch(int first, int count, float* gradients, float* logits, std::int64_t* losses) {
  first_sequence_ = first;
  sequences_ = count;
  // Tiles are small enough for every thread to find work and large enough to pay for expanding the weights.
  tile_rows_ = std::clamp(count * T_ / (3 * pool_.threads()), 16, 128) / 4 * 4;
  tiles_per_sequence_ = (T_ + tile_rows_ - 1) / tile_rows_;
  const int tiles = count * tiles_per_sequence_, L = shape_.layers;

  for (int l = 0; l < L; ++l) {
    pool_.run(tiles, [&](int i, Arena& arena) {
      const Tile t = tile(i);
      if (l == 0) {
        embed(t);
      } else {
        forward_from_attention(l - 1, t, arena);
      }
      forward_to_attention(l, t, arena);
    });
    pool_.run(forward_attention_tasks(), [&](int i, Arena& arena) { forward_attention(l, i, arena); });
  }
  pool_.run(tiles, [&](int i, Arena& arena) {
    const Tile t = tile(i);
    forward_from_attention(L - 1, t, arena);
    head_rows(t, logits, arena);
    if (kind_ == Kind::kTrain) backward_to_attention(L - 1, t, arena);
  });
  if (kind_ == Kind::kLogits) return;
  for (int s = 0; s < count; ++s) {
    std::int64_t sum = 0;
    for (int t = 0; t + 1 < T_; ++t) sum += *token_losses_.at(static_cast<std::size_t>(s) * T_ + t);
    losses[first + s] = sum;
  }
  if (kind_ == Kind::kEvaluate) return;

  const int attention_tasks = backward_attention_tasks(), gradient_tasks = static_cast<int>(gradient_tasks_.size());
  for (int l = L - 1; l >= 0; --l) {
    // The parameter gradients of the layer above fill the gaps that the attention tasks leave.
    const int above = l == L - 1 ? 0 : gradient_tasks;
    pool_.run(attention_tasks + above, [&](int i, Arena& arena) {
      if (i < attention_tasks) {
        backward_attention(l, i, arena);
      } else {
        parameter_gradients(l + 1, i - attention_tasks, gradients, arena);
      }
    });
    pool_.run(tiles, [&](int i, Arena& arena) {
      const Tile t = tile(i);
      backward_from_attention(l, t, arena);
      if (l > 0) backward_to_attention(l - 1, t, arena);
    });
  }
  pool_.run(gradient_tasks, [&](int i, Arena& arena) { parameter_gradients(0, i, gradients, arena); });
}

Job::Tile Job::tile(int index) const {
  const int sequence = index / tiles_per_sequence_, first = index % tiles_per_sequence_ * tile_rows_;
  return Tile{sequence, first, std::min(tile_rows_, T_ - first), static_cast<std::size_t>(sequence) * T_ + first};
}

Where Job::where(const char* tensor, int layer, const Tile& t) const { return Where{tensor, layer, first_sequence_ + t.sequence, t.first}; }

const LoraLinear* Job::lora(int layer, int linear) const {
  return targets(linear, linear) ? &lora_[layer * R3MES_LINEARS + linear] : nullptr;
}

/** Whether any of the linears first … last carries LoRA. */
bool Job::targets(int first, int last) const {
  if (batch_.lora == nullptr) return false;
  for (int i = first; i <= last; ++i) {
    if ((batch_.lora->targets >> i & 1u) != 0) return true;
  }
  return false;
}

float* Job::x_in(int layer, std::size_t row) {
  const std::size_t at = row * shape_.hidden_size;
  return layer == shape_.layers ? x_last_.at(at) : activations(layer).x_in.at(at);
}

Rows16 Job::heads(const Buffer<std::int16_t>& q, const Buffer<std::int32_t>& e, int sequence, int head, int count) const {
  const std::size_t row = (static_cast<std::size_t>(sequence) * count + head) * T_;
  return Rows16{q.at(row * head_stride_), static_cast<std::size_t>(head_stride_), e.at(row)};
}

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

int Job::forward_attention_tasks() const { return sequences_ * shape_.kv_heads * stripes(T_); }

void Job::forward_attention(int layer, int task, Arena& arena) {
  LayerActivations& a = activations(layer);
  const int parts = stripes(T_), part = task % parts, g = task / parts % shape_.kv_heads, s = task / parts / shape_.kv_heads;
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

void Job::forward_from_attention(int layer, const Tile& t, Arena& arena) {
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
    for (std::size_t i = 0; i < nF; ++i) {
      const float p = gate[i] > 0.0f ? gate[i] : 0.0f;
      n[i] = (p * p) * up[i];
    }
    for (int i = 0; i < t.rows; ++i) {
      *a.rstd_ffn.at(t.row + i) = rms_norm(n + i * F, weights.ffn_sub_norm.data(), F, eps, n + i * F, arena,
                                           where("mlp.ffn_sub_norm input", layer, t), i);
    }
    const LinearInput input =
        quantize_input(n, F, t.rows, F, targets(R3MES_DOWN, R3MES_DOWN), arena, where("mlp.ffn_sub_norm output", layer, t));
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

int Job::backward_attention_tasks() const {
  const int parts = stripes(T_);
  return sequences_ * shape_.kv_heads * (parts == 1 ? 1 : 2 * parts);
}

void Job::backward_attention(int layer, int task, Arena& arena) {
  LayerActivations& a = activations(layer);
  LayerGradients& g = gradients_[layer % 2];
  const int whole = stripes(T_), parts = whole == 1 ? 1 : 2 * whole;
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
    if (whole == 1) {
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

using namespace r3mes::cpu;

namespace {

/** rn(Σ, −20) ÷ f32(labels). */
float mean_loss(const std::int64_t* losses, int sequences, std::int64_t labels) {
  std::int64_t sum = 0;
  for (int i = 0; i < sequences; ++i) {
    sum += losses[i];
    if (sum >= std::int64_t{1} << 53) throw Failure(R3MES_OVERFLOW, "the sum of the losses is 2^33 nats or more");
  }
  return rn(static_cast<double>(sum), 0x1p-20) / static_cast<float>(labels);
}

}  // namespace

r3mes_status r3mes_train_step(float* gradients, int64_t* sequence_losses, float* loss, const r3mes_model* model,
                              const r3mes_sequences* batch, const r3mes_run_options* options, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    Job job(*model, *batch, *options, Job::Kind::kTrain);
    job.run(gradients, nullptr, sequence_losses);
    *loss = mean_loss(sequence_losses, batch->sequences, job.labels());
  });
}

r3mes_status r3mes_evaluate(int64_t* sequence_losses, float* loss, const r3mes_model* model, const r3mes_sequences* batch,
                            const r3mes_run_options* options, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    Job job(*model, *batch, *options, Job::Kind::kEvaluate);
    job.run(nullptr, nullptr, sequence_losses);
    *loss = mean_loss(sequence_losses, batch->sequences, job.labels());
  });
}

r3mes_status r3mes_logits(float* logits, const r3mes_model* model, const r3mes_sequences* batch, const r3mes_run_options* options,
                          r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    Job job(*model, *batch, *options, Job::Kind::kLogits);
    job.run(nullptr, logits, nullptr);
  });
}

#include "job.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "adapter.h"
#include "bits.h"
#include "fpenv.h"

namespace r3mes::cpu {

namespace {

/** Columns of one task of `parameter_gradients`. */
constexpr int kGradientColumns = 64;

Pool::Cancelled cancellation(const r3mes_run_options& options) {
  if (options.cancelled == nullptr) return [] { return false; };
  return [cancelled = options.cancelled, context = options.context] { return cancelled(context) != 0; };
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
      activation_bytes_(options.activation_bytes),
      labels_(static_cast<std::int64_t>(batch.sequences) * (batch.sequence_length - 1)) {
  const auto refuse = [](r3mes_status status, const std::string& message) { throw Failure(status, message); };
  if (options.threads < 1) refuse(R3MES_BAD_VALUE, "threads is " + std::to_string(options.threads) + ", expected at least 1");
  if (options.activation_bytes < 0) {
    refuse(R3MES_BAD_VALUE, "activation_bytes is " + std::to_string(options.activation_bytes) + ", expected 0 or more");
  }
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
  if (batch_.lora != nullptr) lora_ = prepare_adapter(shape_, *batch_.lora, layout_, batch_.adapter, pool_);
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

/** Whether the activations of all layers for `rows` tokens exceed what the caller allows. */
bool Job::keeps_too_much(std::size_t rows) const {
  const double C = shape_.hidden_size, F = shape_.ffn_size, H = shape_.heads, G = shape_.kv_heads, stride = head_stride_;
  const double floats = 2 * C + 2 * F + 2 * H + 4 + R3MES_LINEARS * static_cast<double>(batch_.lora->rank);
  const double bytes = 4 * (floats + H + 2 * G) + 2 * stride * (H + 2 * G);
  constexpr double kDefault = 1073741824.0;
  return bytes * static_cast<double>(rows) * shape_.layers > (activation_bytes_ == 0 ? kDefault : static_cast<double>(activation_bytes_));
}

void Job::allocate(int sequences) {
  const std::size_t R = static_cast<std::size_t>(sequences) * T_;
  const std::size_t C = shape_.hidden_size, F = shape_.ffn_size, K = kv_size_;
  const std::size_t H = shape_.heads, G = shape_.kv_heads, stride = head_stride_;
  const bool train = kind_ == Kind::kTrain;
  recompute_ = train && keeps_too_much(R);
  activations_.resize(!train ? 1 : recompute_ ? std::min(2, shape_.layers) : shape_.layers);
  for (LayerActivations& a : activations_) {
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
  x_in_.resize(train ? shape_.layers + 1 : 2);
  for (Buffer<float>& x : x_in_) x.allocate(R * C);
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
    pool_.run(count * shape_.kv_heads * forward_attention_parts(), [&](int i, Arena& arena) { forward_attention(l, i, arena); });
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

  const int attention_tasks = count * shape_.kv_heads * backward_attention_parts(), gradient_tasks = static_cast<int>(gradient_tasks_.size());
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
      if (l > 0 && !recompute_) backward_to_attention(l - 1, t, arena);
    });
    if (l > 0 && recompute_) compute_again(l - 1, tiles);
  }
  pool_.run(gradient_tasks, [&](int i, Arena& arena) { parameter_gradients(0, i, gradients, arena); });
}

/** The activations of a layer from its input, and its backward pass down to the attention. */
void Job::compute_again(int layer, int tiles) {
  pool_.run(tiles, [&](int i, Arena& arena) { forward_to_attention(layer, tile(i), arena); });
  pool_.run(sequences_ * shape_.kv_heads * forward_attention_parts(), [&](int i, Arena& arena) { forward_attention(layer, i, arena); });
  pool_.run(tiles, [&](int i, Arena& arena) {
    const Tile t = tile(i);
    forward_from_attention(layer, t, arena, true);
    backward_to_attention(layer, t, arena);
  });
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
  return x_in_[layer % x_in_.size()].at(row * shape_.hidden_size);
}

Rows16 Job::heads(const Buffer<std::int16_t>& q, const Buffer<std::int32_t>& e, int sequence, int head, int count) const {
  const std::size_t row = (static_cast<std::size_t>(sequence) * count + head) * T_;
  return Rows16{q.at(row * head_stride_), static_cast<std::size_t>(head_stride_), e.at(row)};
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

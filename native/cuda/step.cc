#include "step.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "../cpu/failure.h"
#include "../cpu/tables.h"

namespace r3mes::cuda {

namespace {

using cpu::Failure;

constexpr const char* kLinearNames[R3MES_LINEARS] = {"self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                                                     "mlp.gate_proj",    "mlp.up_proj",      "mlp.down_proj"};

/** Memory that matrices of tokens × tokens, and logits, may take at once: what does not fit is done in parts. */
constexpr std::size_t kScratchBytes = std::size_t{512} << 20;

/** Part of the free memory that a job may take: drivers and other programs need the rest. */
constexpr std::size_t usable(std::size_t free_bytes) { return free_bytes - free_bytes / 16; }

}  // namespace

Step::Step(DeviceModel& model, const r3mes_sequences& batch, const r3mes_run_options& options, Kind kind)
    : model_(model),
      device_(model.device()),
      shape_(model.shape()),
      batch_(batch),
      options_(options),
      kind_(kind),
      T_(batch.sequence_length),
      C_(shape_.hidden_size),
      F_(shape_.ffn_size),
      H_(shape_.heads),
      G_(shape_.kv_heads),
      d_(shape_.head_size),
      K_(G_ * d_),
      V_(shape_.vocab_size),
      rank_(batch.lora == nullptr ? 0 : batch.lora->rank),
      scaling_(batch.lora == nullptr ? 0.0f : batch.lora->alpha / static_cast<float>(batch.lora->rank)),
      attention_scale_(1.0f / std::sqrt(static_cast<float>(d_))),
      labels_(static_cast<std::int64_t>(batch.sequences) * (batch.sequence_length - 1)) {
  check(options);
  loras_.resize(static_cast<std::size_t>(shape_.layers) * R3MES_LINEARS);
  if (batch.lora != nullptr) find_lora();
  plan_ = choose(options.micro_batch == 0 ? batch.sequences : std::min(options.micro_batch, batch.sequences));
}

void Step::check(const r3mes_run_options& options) const {
  const auto require = [](bool condition, r3mes_status status, const std::string& message) {
    if (!condition) throw Failure(status, message);
  };
  require(options.micro_batch >= 0, R3MES_BAD_VALUE, "micro_batch is " + std::to_string(options.micro_batch) + ", expected at least 0");
  require(batch_.sequences >= 1, R3MES_BAD_SHAPE, "there are no sequences");
  require(T_ >= 1 && T_ <= shape_.max_positions, R3MES_BAD_SHAPE,
          "sequence_length is " + std::to_string(T_) + ", expected 1 to " + std::to_string(shape_.max_positions));
  require(kind_ == Kind::kLogits || labels_ > 0, R3MES_NO_LABELS, "sequences of one token have no labels: a loss needs at least two tokens");
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(batch_.sequences) * T_; ++i) {
    require(batch_.tokens[i] >= 0 && batch_.tokens[i] < V_, R3MES_BAD_TOKEN,
            "token " + std::to_string(i % T_) + " of sequence " + std::to_string(i / T_) + " is " + std::to_string(batch_.tokens[i]) +
                ", expected 0 to " + std::to_string(V_ - 1));
  }
  require((batch_.lora == nullptr) == (batch_.adapter == nullptr), R3MES_BAD_SHAPE, "an adapter needs its LoRA settings, and they need it");
  require(batch_.lora != nullptr || kind_ != Kind::kTrain, R3MES_BAD_SHAPE, "training needs an adapter");
}

void Step::find_lora() {
  std::size_t count = 0, size = 0;
  r3mes_error error{};
  const auto require = [&](r3mes_status status) {
    if (status != R3MES_OK) throw Failure(status, error.message);
  };
  require(r3mes_adapter_layout(&count, &size, nullptr, &model_.host(), batch_.lora, &error));
  if (size != batch_.adapter_size) {
    throw Failure(R3MES_BAD_SHAPE,
                  "the adapter has " + std::to_string(batch_.adapter_size) + " elements, expected " + std::to_string(size));
  }
  std::vector<r3mes_adapter_tensor> tensors(count);
  require(r3mes_adapter_layout(&count, &size, tensors.data(), &model_.host(), batch_.lora, &error));
  std::map<std::string, std::size_t> offsets;
  for (const r3mes_adapter_tensor& tensor : tensors) offsets[tensor.name] = tensor.offset;
  for (int i = 0; i < shape_.layers * R3MES_LINEARS; ++i) {
    if ((batch_.lora->targets >> (i % R3MES_LINEARS) & 1u) == 0) continue;
    const std::string name =
        "base_model.model.model.layers." + std::to_string(i / R3MES_LINEARS) + "." + kLinearNames[i % R3MES_LINEARS] + ".lora_";
    Lora& lora = loras_[static_cast<std::size_t>(i)];
    lora.there = true;
    lora.a_offset = offsets.at(name + "A.weight");
    lora.b_offset = offsets.at(name + "B.weight");
  }
}

Plan Step::choose(int most) const {
  const std::size_t had = model_.job().bytes(), memory = usable(device_.free_bytes() + had);
  Plan plan{};
  for (const bool recompute : {false, true}) {
    if (recompute && kind_ != Kind::kTrain) continue;
    for (int micro_batch = most; micro_batch >= 1; micro_batch = micro_batch == 1 ? 0 : (micro_batch + 1) / 2) {
      plan = Plan{micro_batch, recompute, 0};
      Carver count;
      Step copy(*this);
      copy.carve(count, plan);
      plan.bytes = count.most();
      if (plan.bytes <= memory) return plan;
    }
  }
  throw Failure(R3MES_OUT_OF_MEMORY, "one sequence of " + std::to_string(T_) + " tokens needs " + std::to_string(plan.bytes >> 20) +
                                         " MiB of the device's memory, " + std::to_string(memory >> 20) + " MiB are free");
}

void Step::carve(Carver& c, const Plan& plan) {
  const std::size_t T = static_cast<std::size_t>(T_), S = static_cast<std::size_t>(plan.micro_batch), R = S * T;
  const std::size_t C = static_cast<std::size_t>(C_), F = static_cast<std::size_t>(F_), H = static_cast<std::size_t>(H_);
  const std::size_t K = static_cast<std::size_t>(K_), L = static_cast<std::size_t>(shape_.layers), r = static_cast<std::size_t>(rank_);
  const bool train = kind_ == Kind::kTrain;
  refused_ = c.take<unsigned long long>(1);
  cosine_ = c.take<float>(T * static_cast<std::size_t>(d_ / 2));
  sine_ = c.take<float>(T * static_cast<std::size_t>(d_ / 2));
  adapter_ = c.take<float>(batch_.adapter_size);
  if (train) gradients_ = c.take<float>(batch_.adapter_size);
  for (std::size_t i = 0; i < loras_.size(); ++i) {
    if (!loras_[i].there) continue;
    const int in = linear_in(shape_, static_cast<int>(i % R3MES_LINEARS)), out = linear_out(shape_, static_cast<int>(i % R3MES_LINEARS));
    loras_[i].a_rows = take_planes(c, rank_, in);
    loras_[i].a_columns = take_planes(c, in, rank_);
    loras_[i].b_rows = take_planes(c, out, rank_);
    loras_[i].b_columns = take_planes(c, rank_, out);
  }
  tokens_ = c.take<std::int32_t>(R);
  labels_at_ = c.take<std::int32_t>(R);
  losses_ = c.take<std::int64_t>(R);
  x_in_.assign(train ? L + 1 : 2, nullptr);
  for (float*& x : x_in_) x = c.take<float>(R * C);
  activations_.assign(train && !plan.recompute ? L : 1, Activations{});
  for (Activations& a : activations_) {
    for (float** x : {&a.x_mid, &a.o}) *x = c.take<float>(R * C);
    for (float** x : {&a.gate, &a.up}) *x = c.take<float>(R * F);
    a.q = take_planes(c, static_cast<std::int64_t>(R * H), d_);
    for (Planes* p : {&a.k, &a.v}) *p = take_planes(c, static_cast<std::int64_t>(R) * G_, d_);
    for (float** x : {&a.row_max, &a.inverse_sum}) *x = c.take<float>(R * H);
    for (float** x : {&a.rstd_in, &a.rstd_sub, &a.rstd_post, &a.rstd_ffn}) *x = c.take<float>(R);
    for (int i = 0; i < R3MES_LINEARS; ++i) a.u[i] = lora(0, i) == nullptr ? nullptr : c.take<float>(R * r);
  }
  const int most = std::max(C_, F_);
  act8_ = c.take<std::int8_t>(R * static_cast<std::size_t>(padded_terms(most)));
  dequant_ = c.take<float>(R);
  y_ = c.take<float>(R * C);
  rstd_last_ = c.take<float>(R);
  row16_ = take_planes(c, static_cast<std::int64_t>(R), most);
  u16_ = take_planes(c, static_cast<std::int64_t>(R), rank_);
  if (train) {
    for (float** x : {&n_, &wide_, &d_gate_, &d_up_}) *x = c.take<float>(R * std::max(C, F));
    for (float** x : {&dn_, &base_, &d_out_, &d_mid_, &d_o_, &d_q_}) *x = c.take<float>(R * C);
    for (float** x : {&d_k_, &d_v_}) *x = c.take<float>(R * K);
    du_ = c.take<float>(R * r);
    D_ = c.take<float>(R * H);
    d_o16_ = take_planes(c, static_cast<std::int64_t>(R * H), d_);
  }
  carve_scratch(c, plan.micro_batch);
}

void Step::carve_scratch(Carver& c, int sequences) {
  const std::size_t T = static_cast<std::size_t>(T_), V = static_cast<std::size_t>(V_);
  const std::int64_t R = static_cast<std::int64_t>(sequences) * T_;
  const bool train = kind_ == Kind::kTrain;
  const std::size_t mark = c.mark();

  const std::size_t square = T * (train ? T * 8 + 4 * static_cast<std::size_t>(padded_terms(T_)) : T * 4 + 2 * static_cast<std::size_t>(padded_terms(T_)));
  matrices_ = static_cast<int>(std::clamp<std::size_t>(kScratchBytes / square, 1, static_cast<std::size_t>(sequences) * static_cast<std::size_t>(H_)));
  const std::size_t matrices = static_cast<std::size_t>(matrices_);
  scores_ = c.take<float>(matrices * T * T);
  weights16_ = take_planes(c, matrices_ * static_cast<std::int64_t>(T_), T_);
  v_columns_ = take_planes(c, static_cast<std::int64_t>(sequences) * K_, T_);
  if (train) {
    d_scores_ = c.take<float>(matrices * T * T);
    columns16_ = take_planes(c, matrices_ * static_cast<std::int64_t>(T_), T_);
    k_columns_ = take_planes(c, static_cast<std::int64_t>(sequences) * K_, T_);
    for (Planes* p : {&q_columns_, &o_columns_}) *p = take_planes(c, static_cast<std::int64_t>(sequences) * C_, T_);
  }

  c.back(mark);
  head_rows_ = static_cast<int>(std::clamp<std::size_t>(kScratchBytes / (V * 6), std::size_t{kTile}, std::max(static_cast<std::size_t>(R), std::size_t{kTile})));
  logits_ = c.take<float>(static_cast<std::size_t>(head_rows_) * V);
  head_inverse_ = c.take<float>(static_cast<std::size_t>(head_rows_));
  head_n_ = take_planes(c, head_rows_, C_);
  if (train) {
    head_dn_ = c.take<float>(static_cast<std::size_t>(head_rows_) * static_cast<std::size_t>(C_));
    head_weights_ = take_planes(c, head_rows_, V_);
  }

  c.back(mark);
  if (train) {
    const std::int64_t blocks = static_cast<std::int64_t>(sequences) * canonical_blocks(T_);
    const int terms = std::min(T_, kCanonicalBlock);
    wide_columns_ = take_planes(c, blocks * std::max(C_, F_), terms);
    narrow_columns_ = take_planes(c, blocks * rank_, terms);
  }
}

const Step::Lora* Step::lora(int layer, int linear) const {
  const Lora& lora = loras_[static_cast<std::size_t>(layer * R3MES_LINEARS + linear)];
  return lora.there ? &lora : nullptr;
}

void Step::continue_or_stop() const {
  if (options_.cancelled != nullptr && options_.cancelled(options_.context) != 0) throw Failure(R3MES_CANCELLED, "the call was cancelled");
}

void Step::prepare() {
  const cpu::RopeTable rope = cpu::rope_table(T_, cpu::inverse_frequencies(d_, shape_.rope_theta));
  device_.upload(cosine_, rope.cosine.data(), rope.cosine.size() * sizeof(float));
  device_.upload(sine_, rope.sine.data(), rope.sine.size() * sizeof(float));
  if (batch_.adapter != nullptr) device_.upload(adapter_, batch_.adapter, batch_.adapter_size * sizeof(float));
  if (kind_ == Kind::kTrain) device_.fill(gradients_, 0, batch_.adapter_size * sizeof(float));
  for (std::size_t i = 0; i < loras_.size(); ++i) {
    const Lora& l = loras_[i];
    if (!l.there) continue;
    const int layer = static_cast<int>(i / R3MES_LINEARS), linear = static_cast<int>(i % R3MES_LINEARS);
    const int in = linear_in(shape_, linear), out = linear_out(shape_, linear);
    const Refusals a = stages_.check("lora_A", layer, 0), b = stages_.check("lora_B", layer, 0);
    row16_rows(device_, adapter_ + l.a_offset, rank_, in, l.a_rows, a);
    matrix_columns(device_, adapter_ + l.a_offset, rank_, in, l.a_columns, a);
    row16_rows(device_, adapter_ + l.b_offset, out, rank_, l.b_rows, b);
    matrix_columns(device_, adapter_ + l.b_offset, out, rank_, l.b_columns, b);
  }
  stages_.require();
}

void Step::run(float* gradients, float* logits, std::int64_t* losses) {
  if (model_.job().bytes() < plan_.bytes) {
    model_.job() = Memory();
    model_.job() = Memory(device_, plan_.bytes);
  }
  Carver carver(model_.job().at());
  carve(carver, plan_);
  stages_.begin(device_, refused_);
  prepare();
  for (int first = 0; first < batch_.sequences; first += plan_.micro_batch) {
    micro_batch(first, std::min(plan_.micro_batch, batch_.sequences - first), logits, losses);
  }
  if (kind_ != Kind::kTrain) return;
  device_.download(gradients, gradients_, batch_.adapter_size * sizeof(float));
  for (std::size_t i = 0; i < batch_.adapter_size; ++i) {
    if (!std::isfinite(gradients[i])) {
      throw Failure(R3MES_NOT_FINITE, "element " + std::to_string(i) + " of the gradients is not finite, expected a finite value");
    }
    gradients[i] = gradients[i] + 0.0f;  // −0 becomes +0
  }
}

void Step::micro_batch(int first, int count, float* logits, std::int64_t* losses) {
  sequences_ = count;
  R_ = static_cast<std::int64_t>(count) * T_;
  stages_.begin(device_, refused_);
  stages_.sequences_from(first);
  const std::int32_t* tokens = batch_.tokens + static_cast<std::int64_t>(first) * T_;
  device_.upload(tokens_, tokens, static_cast<std::size_t>(R_) * sizeof *tokens);
  std::vector<std::int32_t> labels;
  for (int s = 0; s < count; ++s) labels.insert(labels.end(), tokens + static_cast<std::int64_t>(s) * T_ + 1, tokens + static_cast<std::int64_t>(s + 1) * T_);
  device_.upload(labels_at_, labels.data(), labels.size() * sizeof(std::int32_t));

  launch<Embed>(device_, {R_}, {model_.embedding, tokens_, x_in(0), C_});
  const int L = shape_.layers;
  for (int l = 0; l < L; ++l) {
    continue_or_stop();
    forward_layer(l);
    launch<AddRows>(device_, {blocks_for(R_ * C_, AddRows::kThreads)}, {activations(l).x_mid, y_, x_in(l + 1), R_ * C_});
  }
  head(first, logits, losses);
  for (int l = L - 1; kind_ == Kind::kTrain && l >= 0; --l) {
    continue_or_stop();
    if (plan_.recompute) forward_layer(l);
    backward_layer(l);
  }
  stages_.require();
}

}  // namespace r3mes::cuda

// One call of training, evaluation or logits on a device: memory, and the order of the launches (docs/arithmetic.md §2, §3).
// step.cc has the call and its memory, step_forward.cc and step_backward.cc a layer.
#pragma once

#include <cstdint>
#include <vector>

#include "device_model.h"
#include "operators.h"
#include "r3mes/train.h"
#include "stages.h"

namespace r3mes::cuda {

/** How a job is cut so that it fits into memory. Nothing of it changes a bit. */
struct Plan {
  int micro_batch;   // sequences at once
  bool recompute;    // keep only the input of every layer, and compute the layer again in the backward pass
  std::size_t bytes;
};

class Step {
 public:
  enum class Kind { kTrain, kEvaluate, kLogits };

  /** Checks everything that can be checked before computing, and plans. Throws Failure. */
  Step(DeviceModel& model, const r3mes_sequences& batch, const r3mes_run_options& options, Kind kind);

  const Plan& plan() const { return plan_; }

  /** `gradients` and `logits` as the kind asks; `losses` [sequences] except for logits. */
  void run(float* gradients, float* logits, std::int64_t* losses);

  std::int64_t labels() const { return labels_; }

 private:
  /** A [rank, in] and B [out, rank] as row16, and where their gradients are summed. */
  struct Lora {
    bool there = false;
    std::size_t a_offset, b_offset;
    Planes a_rows, a_columns, b_rows, b_columns;
  };

  /** What the backward pass needs of one layer. */
  struct Activations {
    float *x_mid, *o, *gate, *up;
    Planes q, k, v;                    // [sequence][head][token]
    float *row_max, *inverse_sum;      // [sequence][head][token]
    float *rstd_in, *rstd_sub, *rstd_post, *rstd_ffn;
    float* u[R3MES_LINEARS];           // [token][rank]
  };

  void check(const r3mes_run_options& options) const;
  void find_lora();
  Plan choose(int most) const;
  void carve(Carver& carver, const Plan& plan);
  void carve_scratch(Carver& carver, int sequences);
  void prepare();
  void micro_batch(int first, int count, float* logits, std::int64_t* losses);
  void continue_or_stop() const;

  Activations& activations(int layer) { return activations_[plan_.recompute || kind_ != Kind::kTrain ? 0 : static_cast<std::size_t>(layer)]; }
  float* x_in(int layer) { return x_in_[kind_ == Kind::kTrain ? static_cast<std::size_t>(layer) : static_cast<std::size_t>(layer % 2)]; }
  const Lora* lora(int layer, int linear) const;
  Refusals check(const char* tensor, int layer) { return stages_.check(tensor, layer, T_); }
  TokenRows all_rows() const { return TokenRows{T_, T_, 0}; }
  const DeviceLayer& weights(int layer) const { return model_.layers[static_cast<std::size_t>(layer)]; }
  /** Planes that are scratch, for rows of `terms`. */
  static Planes shaped(Planes planes, int terms) {
    planes.ld = padded_terms(terms);
    return planes;
  }

  // step_forward.cc
  void norm(int layer, const RowSource& source, const float* w, int n, float* rstd, const char* input, const char* output);
  void linear_forward(int layer, int linear, float* y, const char* name);
  void heads(int layer, const float* y, int count, bool rotated, const Planes& out, const char* name);
  void forward_attention(int layer);
  /** Up to the linear layer `down_proj`, whose output is left in y_. */
  void forward_layer(int layer);
  void head(int first, float* logits, std::int64_t* losses);

  // step_backward.cc
  void linear_backward(int layer, int linear, const float* dy, float* dx, bool add, const char* name);
  /** dB of a linear, then dA; `input` null: the same input as in the call before. */
  void parameter_gradients(int layer, int linear, const float* dy, const float* input);
  void norm_backward(int layer, const RowSource& source, const float* w, const float* rstd, int n, const float* dy, const float* add, float* dx,
                     const char* name);
  void backward_attention(int layer);
  void attention_product(const Planes& a, const Planes& b, int group, std::int64_t first, std::int64_t matrices, float* y);
  void backward_layer(int layer);

  DeviceModel& model_;
  Device& device_;
  const r3mes_model_shape& shape_;
  const r3mes_sequences& batch_;
  const r3mes_run_options& options_;
  const Kind kind_;
  const int T_, C_, F_, H_, G_, d_, K_, V_;
  const int rank_;
  const float scaling_, attention_scale_;
  const std::int64_t labels_;
  std::vector<Lora> loras_;   // [layer · R3MES_LINEARS + linear]
  Plan plan_{};
  Stages stages_;

  // Of the whole job.
  unsigned long long* refused_ = nullptr;
  float *cosine_ = nullptr, *sine_ = nullptr, *adapter_ = nullptr, *gradients_ = nullptr;

  // Of a micro-batch.
  int sequences_ = 0;
  std::int64_t R_ = 0;        // tokens
  std::int32_t *tokens_ = nullptr, *labels_at_ = nullptr;
  std::int64_t* losses_ = nullptr;
  std::vector<float*> x_in_;
  std::vector<Activations> activations_;
  std::int8_t* act8_ = nullptr;
  float *dequant_ = nullptr, *y_ = nullptr, *rstd_last_ = nullptr;
  Planes row16_{}, u16_{};
  float *n_ = nullptr, *wide_ = nullptr, *d_gate_ = nullptr, *d_up_ = nullptr, *dn_ = nullptr, *base_ = nullptr, *du_ = nullptr;
  float *d_out_ = nullptr, *d_mid_ = nullptr, *d_o_ = nullptr, *d_q_ = nullptr, *d_k_ = nullptr, *d_v_ = nullptr, *D_ = nullptr;
  Planes d_o16_{};            // [sequence][head][token]

  // Scratch of one of: attention, the head, the gradients of parameters.
  int matrices_ = 0;          // of attention at once
  float *scores_ = nullptr, *d_scores_ = nullptr;
  Planes weights16_{}, columns16_{};
  Planes k_columns_{}, v_columns_{}, q_columns_{}, o_columns_{};
  int head_rows_ = 0;
  float *logits_ = nullptr, *head_inverse_ = nullptr, *head_dn_ = nullptr;
  Planes head_n_{}, head_weights_{};
  Planes wide_columns_{}, narrow_columns_{};
};

}  // namespace r3mes::cuda

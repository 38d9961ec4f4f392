// One call of training, evaluation or logits: buffers, and the order in which the kernels run. job.cc has the calls and the
// order, forward.cc and backward.cc what one tile does.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "attention.h"
#include "memory.h"
#include "model.h"
#include "pool.h"
#include "r3mes/train.h"
#include "tables.h"

namespace r3mes::cpu {

/** Tokens of a sequence whose gradients are summed as integers; block results are added as floats in a fixed order. */
constexpr int kCanonicalBlock = 256;

/** Queries or keys of one attention task where there are more threads than heads; a multiple of the key tile. */
constexpr int kStripe = 512;

inline void add_rows(const float* a, const float* b, std::size_t n, float* sum) {
  for (std::size_t i = 0; i < n; ++i) sum[i] = a[i] + b[i];
}

/**
 * What the backward pass needs of one layer, for every token of a micro-batch. C hidden, F ffn, K kv_heads · head_size,
 * H heads, G KV heads, r rank. Bytes a token: 4·(2C + 2F) + 2·(C + 2K) + 4·(H + 2G) + 8·H + 16 + 28·r (C and K padded to
 * 8 a head); bitnet-nano with rank 8: 9.6 kB a layer. Besides, every layer's
 * input: 4·C.
 */
struct LayerActivations {
  Buffer<float> x_mid, o, gate, up;
  Buffer<std::int16_t> q, k, v;          // mantissas [sequence][head][token][padded(d)]
  Buffer<std::int32_t> q_e, k_e, v_e;    // [sequence][head][token]
  Buffer<float> row_max, inverse_sum;    // [sequence][head][token]
  Buffer<float> rstd_in, rstd_sub, rstd_post, rstd_ffn;
  Buffer<float> u[R3MES_LINEARS];        // [token][rank]
};

/** Inputs and output gradients of a layer's linears, from which the gradients of A and B are made. Lives for one layer. */
struct LayerGradients {
  Buffer<float> n_in, n_sub, n_post, n_ffn;
  Buffer<float> d_q, d_k, d_v, d_mid, d_gate, d_up, d_out;
  Buffer<float> du[R3MES_LINEARS];
};

class Job {
 public:
  enum class Kind { kTrain, kEvaluate, kLogits };

  /** Checks everything that can be checked before computing. Throws Failure. */
  Job(const r3mes_model& model, const r3mes_sequences& batch, const r3mes_run_options& options, Kind kind);

  /** `gradients` and `logits` as the kind asks; `losses` [sequences] except for logits. */
  void run(float* gradients, float* logits, std::int64_t* losses);

  /** Labels of the whole job. */
  std::int64_t labels() const { return labels_; }

 private:
  /** Some tokens of one sequence. */
  struct Tile {
    int sequence;       // of the micro-batch
    int first;          // token
    int rows;
    std::size_t row;    // of the micro-batch's buffers
  };

  void allocate(int sequences);
  bool keeps_too_much(std::size_t rows) const;
  void micro_batch(int first, int count, float* gradients, float* logits, std::int64_t* losses);
  Tile tile(int index) const;
  Where where(const char* tensor, int layer, const Tile& t) const;
  const LoraLinear* lora(int layer, int linear) const;
  bool targets(int first, int last) const;
  /** Two layers' where layers are computed again, one where nothing looks back. */
  LayerActivations& activations(int layer) { return activations_[layer % activations_.size()]; }
  float* x_in(int layer, std::size_t row);

  Rows16 heads(const Buffer<std::int16_t>& q, const Buffer<std::int32_t>& e, int sequence, int head, int count) const;

  void embed(const Tile& t);
  void forward_to_attention(int layer, const Tile& t, Arena& arena);
  void forward_attention(int layer, int task, Arena& arena);
  /** `again`: only what the backward pass needs, not the layer's output. */
  void forward_from_attention(int layer, const Tile& t, Arena& arena, bool again = false);
  void compute_again(int layer, int tiles);
  void head_rows(const Tile& t, float* logits, Arena& arena);
  void backward_to_attention(int layer, const Tile& t, Arena& arena);
  void backward_attention(int layer, int task, Arena& arena);
  void backward_from_attention(int layer, const Tile& t, Arena& arena);
  void parameter_gradients(int layer, int task, float* gradients, Arena& arena);

  int forward_attention_parts() const;
  int backward_attention_parts() const;

  /** One task of `parameter_gradients`: some columns of one linear's output (dB), or of one shared input (dA). */
  struct GradientTask {
    bool of_a;
    int linear;  // for dA: the first of the linears that share the input
    int first;
    int count;
  };

  const r3mes_model& model_;
  const r3mes_model_shape& shape_;
  const r3mes_sequences& batch_;
  const Kind kind_;
  Pool pool_;
  const int T_;
  const int kv_size_;
  const int head_stride_;
  const float attention_scale_;
  const int micro_batch_;
  const std::int64_t activation_bytes_;
  bool recompute_ = false;  // layers are computed again in the backward pass
  std::int64_t labels_;
  RopeTable rope_;
  AdapterLayout layout_;
  std::vector<LoraLinear> lora_;
  std::vector<GradientTask> gradient_tasks_;

  // The micro-batch that is being computed.
  int first_sequence_ = 0;
  int sequences_ = 0;
  int tile_rows_ = 0;
  int tiles_per_sequence_ = 0;
  std::vector<LayerActivations> activations_;
  std::vector<Buffer<float>> x_in_;         // of every layer, and the last one's output; two that all layers share where nothing looks back
  LayerGradients gradients_[2];
  Buffer<float> d_o_;                       // [token][C], gradient of the heads' outputs
  Buffer<std::int64_t> token_losses_;
};

}  // namespace r3mes::cpu

// The backbone and an adapter as the kernels see them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "head.h"
#include "linear.h"
#include "pool.h"
#include "r3mes/model.h"

namespace r3mes::cpu {

struct Layer {
  std::vector<float> input_norm, attention_sub_norm, post_attention_norm, ffn_sub_norm;
  Linear linears[R3MES_LINEARS];
};

/** Token embedding in the type of the checkpoint. */
struct Embedding {
  r3mes_float_type type = R3MES_F32;
  int width = 0;
  std::vector<unsigned char, LargeAllocator<unsigned char>> bytes;

  void row(std::int64_t token, float* out) const;
};

/** Names of linear i: "self_attn.q_proj" … "mlp.down_proj". */
const char* linear_name(int linear);
int linear_in(const r3mes_model_shape& shape, int linear);
int linear_out(const r3mes_model_shape& shape, int linear);

/** One tensor of an adapter, and which matrix it is. */
struct AdapterTensor {
  std::string name;
  int layer;
  int linear;
  bool is_a;
  int rows;
  int columns;
  std::size_t offset;
};

struct AdapterLayout {
  std::vector<AdapterTensor> tensors;  // sorted by name
  std::size_t size = 0;
  /** Offsets of A and B of [layer · R3MES_LINEARS + linear]. */
  std::vector<std::size_t> a, b;
};

/** Throws BAD_VALUE. */
AdapterLayout adapter_layout(const r3mes_model_shape& shape, const r3mes_lora& lora);

}  // namespace r3mes::cpu

struct r3mes_model {
  r3mes_model_shape shape;
  r3mes::cpu::Embedding embedding;
  r3mes::cpu::HeadWeights head;
  std::vector<float> final_norm;
  std::vector<r3mes::cpu::Layer> layers;
  std::vector<float> inverse_frequencies;
};

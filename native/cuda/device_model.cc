#include "device_model.h"

#include <algorithm>

#include "operators.h"

namespace r3mes::cuda {

namespace {

std::size_t element_bytes(std::int32_t type) { return type == R3MES_F32 ? 4 : 2; }

}  // namespace

DeviceModel::DeviceModel(std::unique_ptr<Device> device, const r3mes_model& model, const r3mes_model_weights& weights)
    : host_(model),
      shape_(*r3mes_model_get_shape(&model)),
      device_(std::move(device)),
      tied_(weights.head.data == nullptr),
      embedding_type_(weights.embedding.type) {
  Carver count;
  carve(count);
  memory_ = Memory(*device_, count.most());
  Carver taken(memory_.at());
  carve(taken);
  load(weights);
  load_head(weights);
}

void DeviceModel::carve(Carver& carver) {
  const r3mes_model_shape& s = shape_;
  const std::size_t C = static_cast<std::size_t>(s.hidden_size), V = static_cast<std::size_t>(s.vocab_size);
  embedding = RawMatrix{carver.take<unsigned char>(V * C * element_bytes(embedding_type_)), embedding_type_};
  head = take_planes(carver, s.vocab_size, s.hidden_size);
  head_columns = take_planes(carver, s.hidden_size, s.vocab_size);
  final_norm = carver.take<float>(C);
  layers.resize(static_cast<std::size_t>(s.layers));
  for (DeviceLayer& layer : layers) {
    layer.input_norm = carver.take<float>(C);
    layer.attention_sub_norm = carver.take<float>(C);
    layer.post_attention_norm = carver.take<float>(C);
    layer.ffn_sub_norm = carver.take<float>(static_cast<std::size_t>(s.ffn_size));
    for (int i = 0; i < R3MES_LINEARS; ++i) {
      DeviceLinear& linear = layer.linears[i];
      linear.in = linear_in(s, i);
      linear.out = linear_out(s, i);
      const auto words = [&](int rows, int terms) { return static_cast<std::size_t>(rows) * padded_terms(terms) / kWeightsPerWord; };
      linear.words = carver.take<std::uint32_t>(words(linear.out, linear.in));
      linear.words_transposed = carver.take<std::uint32_t>(words(linear.in, linear.out));
    }
  }
}

void DeviceModel::load(const r3mes_model_weights& weights) {
  const r3mes_model_shape& s = shape_;
  const auto upload = [&](const float* to, const float* from, int n) {
    device_->upload(const_cast<float*>(to), from, static_cast<std::size_t>(n) * sizeof(float));
  };
  device_->upload(const_cast<void*>(embedding.data), weights.embedding.data, weights.embedding.size_bytes);
  upload(final_norm, weights.final_norm, s.hidden_size);
  std::size_t most = 0;
  for (int i = 0; i < R3MES_LINEARS; ++i) most = std::max(most, static_cast<std::size_t>(linear_in(s, i)) * linear_out(s, i) / 4);
  const Memory codes(*device_, most);
  for (int l = 0; l < s.layers; ++l) {
    DeviceLayer& to = layers[static_cast<std::size_t>(l)];
    const r3mes_layer_weights& from = weights.layers[l];
    upload(to.input_norm, from.input_norm, s.hidden_size);
    upload(to.attention_sub_norm, from.attention_sub_norm, s.hidden_size);
    upload(to.post_attention_norm, from.post_attention_norm, s.hidden_size);
    upload(to.ffn_sub_norm, from.ffn_sub_norm, s.ffn_size);
    for (int i = 0; i < R3MES_LINEARS; ++i) {
      DeviceLinear& linear = to.linears[i];
      linear.scale = from.linears[i].scale;
      device_->upload(codes.at(), from.linears[i].codes, from.linears[i].size_bytes);
      for (const bool transposed : {false, true}) {
        const std::int64_t ld = padded_terms(transposed ? linear.out : linear.in), rows = transposed ? linear.in : linear.out;
        launch<PackTernary>(*device_, {blocks_for(rows * ld / kWeightsPerWord, PackTernary::kThreads)},
                            {static_cast<const std::uint8_t*>(codes.at()),
                             const_cast<std::uint32_t*>(transposed ? linear.words_transposed : linear.words), linear.in, linear.out, ld,
                             transposed ? 1 : 0});
      }
    }
  }
}

void DeviceModel::load_head(const r3mes_model_weights& weights) {
  Memory own;
  RawMatrix rows = embedding;
  if (!tied_) {
    own = Memory(*device_, weights.head.size_bytes);
    device_->upload(own.at(), weights.head.data, weights.head.size_bytes);
    rows = RawMatrix{own.at(), weights.head.type};
  }
  const Memory refused(*device_, sizeof(unsigned long long));
  Stages stages;
  stages.begin(*device_, static_cast<unsigned long long*>(refused.at()));
  row16_rows(*device_, rows, shape_.hidden_size, shape_.vocab_size, shape_.hidden_size, head,
             stages.check(tied_ ? "embed_tokens" : "lm_head", -1, 0));
  transpose(*device_, head, head_columns, shape_.vocab_size, shape_.hidden_size, 1);
  stages.require();
}

}  // namespace r3mes::cuda

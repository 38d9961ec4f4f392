// A backbone in a device's memory.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "device.h"
#include "kernels/data.h"
#include "r3mes/model.h"
#include "stages.h"

namespace r3mes::cuda {

struct DeviceLinear {
  const std::uint32_t* words;             // [out][padded in / 16]
  const std::uint32_t* words_transposed;  // [in][padded out / 16]
  float scale;
  int in, out;
};

struct DeviceLayer {
  const float* input_norm;
  const float* attention_sub_norm;
  const float* post_attention_norm;
  const float* ffn_sub_norm;
  DeviceLinear linears[R3MES_LINEARS];
};

class DeviceModel {
 public:
  /** `model` was made from the same weights, and checked them. Throws Failure. */
  DeviceModel(std::unique_ptr<Device> device, const r3mes_model& model, const r3mes_model_weights& weights);

  const r3mes_model& host() const { return host_; }
  const r3mes_model_shape& shape() const { return shape_; }
  Device& device() const { return *device_; }
  std::mutex& mutex() { return mutex_; }

  RawMatrix embedding{};
  Planes head{};           // row16 of the head's rows [vocab][padded hidden]
  Planes head_columns{};   // the same mantissas [hidden][padded vocab]
  const float* final_norm = nullptr;
  std::vector<DeviceLayer> layers;

  /** Memory of the job that runs, kept for the next one. */
  Memory& job() { return job_; }

 private:
  void carve(Carver& carver);
  void load(const r3mes_model_weights& weights);
  void load_head(const r3mes_model_weights& weights);

  const r3mes_model& host_;
  r3mes_model_shape shape_;
  std::unique_ptr<Device> device_;
  std::mutex mutex_;
  bool tied_;
  std::int32_t embedding_type_;
  Memory memory_, job_;  // behind the device, which outlives them
};

inline int linear_in(const r3mes_model_shape& s, int linear) { return linear == R3MES_DOWN ? s.ffn_size : s.hidden_size; }
inline int linear_out(const r3mes_model_shape& s, int linear) {
  if (linear == R3MES_K || linear == R3MES_V) return s.kv_heads * s.head_size;
  return linear == R3MES_GATE || linear == R3MES_UP ? s.ffn_size : s.hidden_size;
}

inline Planes take_planes(Carver& carver, std::int64_t rows, int terms) {
  Planes p;
  p.ld = padded_terms(terms);
  p.high = carver.take<std::int8_t>(static_cast<std::size_t>(rows * p.ld));
  p.low = carver.take<std::int8_t>(static_cast<std::size_t>(rows * p.ld));
  p.e = carver.take<std::int32_t>(static_cast<std::size_t>(rows));
  return p;
}

}  // namespace r3mes::cuda

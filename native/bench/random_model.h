// Models with random weights, and what a run took of the machine.
#pragma once

#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "../test/synthetic.h"
#include "r3mes/model.h"

namespace bench {

/** nano: the packaged model's; 2b4t: BitNet b1.58 2B4T's. */
inline std::optional<r3mes_model_shape> shape_named(const std::string& name) {
  if (name == "nano") return r3mes_model_shape{256, 768, 4, 8, 4, 32, 1024, 4096, 1e-5f, 10000.0};
  if (name == "2b4t") return r3mes_model_shape{2560, 6912, 30, 20, 5, 128, 128256, 4096, 1e-5f, 500000.0};
  return std::nullopt;
}

/** Weights from bits, not from sums of twelve: a model of two thousand million weights is made in seconds. */
struct Weights {
  std::vector<std::uint16_t> embedding;
  std::vector<float> norm;
  std::vector<std::uint8_t> codes;
  std::vector<r3mes_layer_weights> layers;
  r3mes_model_weights weights{};

  explicit Weights(const r3mes_model_shape& s) {
    test::Random random(7);
    embedding.resize(static_cast<std::size_t>(s.vocab_size) * s.hidden_size);
    for (std::size_t i = 0; i < embedding.size(); i += 4) {
      std::uint64_t bits = random.next();
      // Sign, an exponent of 2^-6 … 2^-3 and seven bits of fraction.
      for (std::size_t k = i; k < std::min(i + 4, embedding.size()); ++k, bits >>= 16) {
        embedding[k] = static_cast<std::uint16_t>((bits & 0x807f) | ((121 + (bits >> 8 & 3)) << 7));
      }
    }
    norm.assign(std::max(s.hidden_size, s.ffn_size), 1.0f);
    std::size_t largest = 0;
    const std::size_t kv = static_cast<std::size_t>(s.kv_heads) * s.head_size, hidden = s.hidden_size, ffn = s.ffn_size;
    const std::size_t outs[R3MES_LINEARS] = {hidden, kv, kv, hidden, ffn, ffn, hidden};
    const std::size_t ins[R3MES_LINEARS] = {hidden, hidden, hidden, hidden, hidden, hidden, ffn};
    for (int i = 0; i < R3MES_LINEARS; ++i) largest = std::max(largest, outs[i] / 4 * ins[i]);
    // The layers share codes: the engine copies them into its own form, and time does not depend on them.
    codes.resize(largest);
    for (std::uint8_t& byte : codes) {
      const std::uint64_t bits = random.next();
      byte = 0;
      for (int k = 0; k < 4; ++k) byte = static_cast<std::uint8_t>(byte | ((bits >> (16 * k) & 0xffff) % 3) << (2 * k));
    }
    for (int l = 0; l < s.layers; ++l) {
      r3mes_layer_weights layer{norm.data(), norm.data(), norm.data(), norm.data(), {}};
      for (int i = 0; i < R3MES_LINEARS; ++i) layer.linears[i] = {codes.data(), outs[i] / 4 * ins[i], 0.02f};
      layers.push_back(layer);
    }
    weights.embedding = {R3MES_BF16, embedding.data(), embedding.size() * 2};
    weights.final_norm = norm.data();
    weights.layers = layers.data();
  }
};

/** int8 multiply-adds of the ternary weights a token. */
inline double ternary_weights(const r3mes_model_shape& s) {
  const double hidden = s.hidden_size, kv = static_cast<double>(s.kv_heads) * s.head_size;
  return s.layers * hidden * (2 * hidden + 2 * kv + 3.0 * s.ffn_size);
}

/** Of all threads, in the kernel too. */
inline double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + 1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

inline double peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024.0;
}

}  // namespace bench

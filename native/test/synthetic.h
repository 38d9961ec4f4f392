// Models, adapters, tokens and rows of floats made from a seed with integer operations only, so that a test's input has
// the same bits on every machine and no file is needed.
#pragma once

#include <cstdint>
#include <vector>

#include "r3mes/model.h"
#include "r3mes/train.h"

namespace test {

/** splitmix64 (public domain, Sebastiano Vigna). */
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }

  int below(int n) { return static_cast<int>(next() % static_cast<std::uint64_t>(n)); }

  /** Sum of twelve uniform values, mean 0, variance 1: close enough to a Gaussian, and exact in binary32 arithmetic. */
  float gaussian() {
    std::int32_t sum = 0;
    for (int i = 0; i < 12; ++i) sum += static_cast<std::int32_t>(next() >> 48);
    return static_cast<float>(sum - 12 * 32768) * 0x1p-16f;
  }

 private:
  std::uint64_t state_;
};

inline std::vector<float> gaussians(Random& random, std::size_t n, float scale = 1.0f) {
  std::vector<float> x(n);
  for (float& value : x) value = random.gaussian() * scale;
  return x;
}

/** Gaussian rows, with a row of zeros, a row of subnormals, one of huge values, one of ties, one with an outlier. */
inline std::vector<float> awkward(Random& random, int rows, int n) {
  std::vector<float> x = gaussians(random, static_cast<std::size_t>(rows) * n);
  for (int i = 0; i < rows; ++i) {
    float* row = x.data() + static_cast<std::size_t>(i) * n;
    for (int c = 0; c < n; ++c) {
      switch (i % 8) {
        case 1: row[c] = c % 2 == 0 ? 0.0f : -0.0f; break;
        case 2: row[c] *= 0x1p-130f; break;
        case 3: row[c] *= 0x1p60f; break;
        case 4: row[c] = (static_cast<float>(random.below(64)) - 31.5f) * (c == 0 ? 2.0f : 1.0f); break;
        case 5: row[c] *= c == n / 2 ? 1000.0f : 1.0f; break;
        default: break;
      }
    }
  }
  return x;
}

/** A model with its weights; `weights` points into the vectors, so it must not be copied. */
struct SyntheticModel {
  r3mes_model_shape shape{};
  std::vector<float> embedding, head, final_norm;
  std::vector<std::vector<float>> norms;
  std::vector<std::vector<std::uint8_t>> codes;
  std::vector<r3mes_layer_weights> layers;
  r3mes_model_weights weights{};

  SyntheticModel(const r3mes_model_shape& s, bool tied, std::uint64_t seed) : shape(s) {
    Random random(seed);
    const std::size_t hidden = s.hidden_size, ffn = s.ffn_size, vocab = s.vocab_size, kv = static_cast<std::size_t>(s.kv_heads) * s.head_size;
    embedding = gaussians(random, vocab * hidden, 0.25f);
    if (!tied) head = gaussians(random, vocab * hidden, 0.125f);
    final_norm = norm(random, hidden);
    norms.reserve(4 * static_cast<std::size_t>(s.layers));
    codes.reserve(R3MES_LINEARS * static_cast<std::size_t>(s.layers));
    for (int l = 0; l < s.layers; ++l) {
      r3mes_layer_weights layer{};
      for (const float** to : {&layer.input_norm, &layer.attention_sub_norm, &layer.post_attention_norm, &layer.ffn_sub_norm}) {
        norms.push_back(norm(random, to == &layer.ffn_sub_norm ? ffn : hidden));
        *to = norms.back().data();
      }
      const std::size_t outs[R3MES_LINEARS] = {hidden, kv, kv, hidden, ffn, ffn, hidden};
      for (int i = 0; i < R3MES_LINEARS; ++i) {
        const std::size_t in = i == R3MES_DOWN ? ffn : hidden;
        std::vector<std::uint8_t> packed(outs[i] / 4 * in);
        for (std::uint8_t& byte : packed) {
          byte = 0;
          for (int k = 0; k < 4; ++k) byte = static_cast<std::uint8_t>(byte | random.below(3) << (2 * k));
        }
        codes.push_back(packed);
        layer.linears[i] = {codes.back().data(), codes.back().size(), 0.03125f + static_cast<float>(random.below(1000)) * 0x1p-16f};
      }
      layers.push_back(layer);
    }
    weights.embedding = {R3MES_F32, embedding.data(), embedding.size() * 4};
    weights.head = {R3MES_F32, tied ? nullptr : head.data(), head.size() * 4};
    weights.final_norm = final_norm.data();
    weights.layers = layers.data();
  }

  SyntheticModel(const SyntheticModel&) = delete;
  SyntheticModel& operator=(const SyntheticModel&) = delete;

 private:
  static std::vector<float> norm(Random& random, std::size_t n) {
    std::vector<float> w(n);
    for (float& value : w) value = 1.0f + random.gaussian() * 0.125f;
    return w;
  }
};

inline std::vector<std::int32_t> random_tokens(Random& random, std::size_t n, int vocab) {
  std::vector<std::int32_t> tokens(n);
  for (std::int32_t& token : tokens) token = random.below(vocab);
  return tokens;
}

inline std::size_t adapter_size(const r3mes_model* model, const r3mes_lora& lora) {
  std::size_t count = 0, size = 0;
  r3mes_adapter_layout(&count, &size, nullptr, model, &lora, nullptr);
  return size;
}

}  // namespace test

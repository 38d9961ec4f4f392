// One random job from a number: shapes that fill no tile, rows of zeros, ties, subnormals and extremes among the weights. What a backend
// makes of it is a line of text that must be the same on every backend.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "r3mes/train.h"
#include "sha256.h"
#include "synthetic.h"

namespace test {

class RandomCase {
 public:
  explicit RandomCase(std::uint64_t number) : number_(number), random_(number * 0x9e3779b97f4a7c15u + 1), synthetic_(shape(), number % 2 == 0, number) {
    distort(synthetic_.embedding, synthetic_.shape.hidden_size);
    distort(synthetic_.head, synthetic_.shape.hidden_size);
    for (std::vector<float>& norm : synthetic_.norms) {
      if (random_.below(4) == 0) distort(norm, static_cast<int>(norm.size()));
    }
    for (r3mes_layer_weights& layer : synthetic_.layers) {
      for (r3mes_packed_matrix& linear : layer.linears) {
        if (random_.below(8) == 0) linear.scale *= power(random_.below(60) - 30);
      }
    }
    lora.rank = 1 + random_.below(random_.below(3) == 0 ? 40 : 9);
    lora.alpha = static_cast<float>(1 + random_.below(64)) * 0.5f;
    lora.targets = 1u + static_cast<std::uint32_t>(random_.below(127));
    sequences = 1 + random_.below(3);
    length = 2 + random_.below(random_.below(8) == 0 ? 600 : 70);
    tokens = random_tokens(random_, static_cast<std::size_t>(sequences) * length, synthetic_.shape.vocab_size);
  }

  /** Null where the engine refuses the weights; `line` then says so. */
  std::unique_ptr<r3mes_model, void (*)(r3mes_model*)> create(std::string& line) {
    r3mes_model* made = nullptr;
    r3mes_error error;
    const r3mes_status status = r3mes_model_create(&made, &synthetic_.shape, &synthetic_.weights, 1, &error);
    line = title() + (status == R3MES_OK ? "" : " weights refused " + std::to_string(status));
    if (status == R3MES_OK) {
      adapter = gaussians(random_, adapter_size(made, lora), 0.0625f);
      if (random_.below(3) == 0) distort(adapter, lora.rank);
    }
    return {made, r3mes_model_destroy};
  }

  r3mes_sequences batch() const { return {tokens.data(), sequences, length, &lora, adapter.data(), adapter.size()}; }
  const SyntheticModel& synthetic() const { return synthetic_; }

  r3mes_lora lora{};
  int sequences = 0, length = 0;
  std::vector<std::int32_t> tokens;
  std::vector<float> adapter;

 private:
  static float power(int e) {
    float x = 1.0f;
    for (int i = 0; i < e; ++i) x *= 2.0f;
    for (int i = 0; i > e; --i) x *= 0.5f;
    return x;
  }

  r3mes_model_shape shape() {
    r3mes_model_shape s{};
    s.kv_heads = 1 + random_.below(3);
    s.heads = s.kv_heads * (1 + random_.below(3));
    s.head_size = 4 * (1 + random_.below(random_.below(6) == 0 ? 24 : 9));
    s.hidden_size = s.heads * s.head_size;
    s.ffn_size = 4 * (1 + random_.below(60));
    s.layers = 1 + random_.below(3);
    s.vocab_size = 2 + random_.below(random_.below(4) == 0 ? 900 : 90);
    s.max_positions = 1024;
    s.rms_epsilon = random_.below(4) == 0 ? 1e-12f : 1e-5f;
    s.rope_theta = random_.below(2) == 0 ? 10000.0 : 500000.0;
    return s;
  }

  /** Makes some rows of x awkward. */
  void distort(std::vector<float>& x, int columns) {
    const int rows = columns == 0 ? 0 : static_cast<int>(x.size() / static_cast<std::size_t>(columns));
    const int kind = random_.below(3);
    for (int i = 0; i < rows && kind != 0; ++i) {
      float* row = x.data() + static_cast<std::size_t>(i) * columns;
      const int what = random_.below(kind == 1 ? 24 : 9);
      for (int c = 0; c < columns; ++c) {
        switch (what) {
          case 0: row[c] = c % 2 == 0 ? 0.0f : -0.0f; break;
          case 1: row[c] *= power(-128 - i % 20); break;
          case 2: row[c] = (static_cast<float>(random_.below(64)) - 31.5f) * 0.0625f; break;
          case 3: row[c] *= c == i % columns ? 4096.0f : 1.0f; break;
          case 4: row[c] *= power(number_ % 5 == 0 ? 70 : 12); break;
          case 5: row[c] = c % 2 == 0 ? 0.5f : -0.5f; break;
          default: break;
        }
      }
    }
  }

  std::string title() const {
    const r3mes_model_shape& s = synthetic_.shape;
    char text[200];
    std::snprintf(text, sizeof text, "%llu: hidden %d ffn %d layers %d heads %d/%d vocab %d, %d x %d tokens, rank %d targets %u", static_cast<unsigned long long>(number_),
                  s.hidden_size, s.ffn_size, s.layers, s.heads, s.kv_heads, s.vocab_size, sequences, length, lora.rank, lora.targets);
    return text;
  }

  std::uint64_t number_;
  Random random_;
  SyntheticModel synthetic_;
};

/** What a pass made: its values' hash, or that it was refused. Which of several reasons is met first depends on the order of the work. */
class Outcome {
 public:
  template <class... Values>
  void add(r3mes_status status, const Values&... values) {
    if (status != R3MES_OK) {
      text_ += " refused";
      return;
    }
    Sha256 hash;
    (hash.values(values), ...);
    text_ += " " + hash.hex().substr(0, 32);
  }

  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace test

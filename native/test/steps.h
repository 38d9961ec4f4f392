// The golden training steps, on any backend; and the comparison with the golden file.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "r3mes/optimizer.h"
#include "r3mes/train.h"
#include "sha256.h"
#include "synthetic.h"

namespace test {

/** Ends the program where the engine refused. */
inline void require(r3mes_status status, const r3mes_error& error) {
  if (status == R3MES_OK) return;
  std::printf("ERROR %d %s\n", static_cast<int>(status), error.message);
  std::exit(1);
}

/** Lines `name sha256`, printed as they come. */
class GoldenLines {
 public:
  void add(const char* name, Sha256& hash) {
    lines_.push_back(std::string(name) + " " + hash.hex());
    std::printf("%s\n", lines_.back().c_str());
  }

  /** 0 where the lines are those of the file that begin with `prefix`, in its order; else 1 and what differs. */
  int compare(const char* path, const std::string& prefix = "") const {
    std::ifstream file(path);
    if (!file) {
      std::printf("ERROR cannot read %s, where the golden hashes should be\n", path);
      return 1;
    }
    std::vector<std::string> expected;
    for (std::string text; std::getline(file, text);) {
      if (text.compare(0, prefix.size(), prefix) == 0) expected.push_back(text);
    }
    int different = 0;
    for (std::size_t i = 0; i < std::max(lines_.size(), expected.size()); ++i) {
      const std::string got = i < lines_.size() ? lines_[i] : "nothing", want = i < expected.size() ? expected[i] : "nothing";
      if (got == want) continue;
      ++different;
      std::printf("FAILED line %zu: got %s, expected %s\n", i + 1, got.c_str(), want.c_str());
    }
    std::printf("golden: %zu lines, %d differ\n", lines_.size(), different);
    return different == 0 && !lines_.empty() ? 0 : 1;
  }

 private:
  std::vector<std::string> lines_;
};

struct StepCase {
  const char* name;
  r3mes_model_shape shape;
  bool tied;
  r3mes_lora lora;
  int sequences, length;
};

inline const StepCase kStepCases[] = {
    {"step-gqa-tied", {64, 176, 2, 4, 2, 16, 256, 512, 1e-5f, 10000.0}, true, {4, 8.0f, 0x0f}, 3, 48},
    {"step-odd-untied", {72, 188, 3, 6, 3, 12, 301, 512, 1e-6f, 500000.0}, false, {5, 7.0f, 0x7f}, 5, 37},
    {"step-two-blocks", {32, 48, 1, 2, 1, 16, 67, 512, 1e-5f, 10000.0}, true, {3, 3.0f, 0x55}, 2, 300},
    {"step-long", {16, 20, 1, 2, 1, 8, 29, 2048, 1e-5f, 10000.0}, true, {2, 4.0f, 0x7f}, 1, 1100},
};

/** What computes a model's passes; each ends the program where the engine refuses. */
struct Passes {
  std::function<void(float* gradients, std::int64_t* losses, float* loss, const r3mes_sequences& batch)> train;
  std::function<void(std::int64_t* losses, float* loss, const r3mes_sequences& batch)> evaluate;
  std::function<void(float* logits, const r3mes_sequences& batch)> logits;
};

/** Makes the passes of a model; they may keep what they need of it as long as they live. */
using Backend = std::function<Passes(const r3mes_model* model, const SyntheticModel& synthetic)>;

/** Micro-batches of an even number of sequences keep only the layers' inputs and compute the layers again. */
inline Backend cpu_backend(int threads, int micro_batch) {
  return [=](const r3mes_model* model, const SyntheticModel&) {
    const r3mes_run_options options{threads, micro_batch, nullptr, nullptr, micro_batch % 2 == 0 ? 1 : 0};
    return Passes{[=](float* gradients, std::int64_t* losses, float* loss, const r3mes_sequences& batch) {
                    r3mes_error error;
                    require(r3mes_train_step(gradients, losses, loss, model, &batch, &options, &error), error);
                  },
                  [=](std::int64_t* losses, float* loss, const r3mes_sequences& batch) {
                    r3mes_error error;
                    require(r3mes_evaluate(losses, loss, model, &batch, &options, &error), error);
                  },
                  [=](float* logits, const r3mes_sequences& batch) {
                    r3mes_error error;
                    require(r3mes_logits(logits, model, &batch, &options, &error), error);
                  }};
  };
}

/** Logits, and two steps of training with everything behind them. */
inline Sha256 step_hash(const StepCase& c, const Backend& backend) {
  const SyntheticModel synthetic(c.shape, c.tied, 21);
  r3mes_model* made = nullptr;
  r3mes_error error;
  require(r3mes_model_create(&made, &c.shape, &synthetic.weights, 1, &error), error);
  const std::unique_ptr<r3mes_model, void (*)(r3mes_model*)> model(made, r3mes_model_destroy);
  const Passes passes = backend(made, synthetic);
  Random random(22);
  const std::size_t size = adapter_size(made, c.lora);
  std::vector<float> adapter = gaussians(random, size, 0.03125f);
  std::vector<float> first(size), second(size), gradients(size);
  const std::vector<std::int32_t> tokens = random_tokens(random, static_cast<std::size_t>(c.sequences) * c.length, c.shape.vocab_size);
  std::vector<std::int64_t> losses(c.sequences);
  Sha256 hash;

  std::vector<float> logits(tokens.size() * c.shape.vocab_size);
  r3mes_sequences batch{tokens.data(), c.sequences, c.length, &c.lora, adapter.data(), size};
  passes.logits(logits.data(), batch);
  hash.values(logits);

  const r3mes_adamw_settings settings{2e-3f, 0.9f, 0.999f, 1e-8f, 0.01f};
  for (std::uint64_t t = 1; t <= 2; ++t) {
    batch.adapter = adapter.data();
    float loss = 0.0f, again = 0.0f, norm = 0.0f;
    passes.train(gradients.data(), losses.data(), &loss, batch);
    hash.values(&loss, 1).values(losses).values(gradients);
    passes.evaluate(losses.data(), &again, batch);
    hash.values(&again, 1).values(losses);
    std::vector<float> clipped(size), p(size), m(size), v(size), mean_gradient(size);
    require(r3mes_clip(clipped.data(), &norm, gradients.data(), size, 1.0f, &error), error);
    const float* all[] = {clipped.data(), gradients.data(), adapter.data()};
    std::vector<std::int32_t> mean(size);
    require(r3mes_trimmed_mean(mean.data(), all, 3, size, &error), error);
    r3mes_mean_gradient(mean_gradient.data(), mean.data(), size);
    require(r3mes_adamw(p.data(), m.data(), v.data(), adapter.data(), first.data(), second.data(), mean_gradient.data(), size, &settings, t, &error),
            error);
    hash.values(&norm, 1).values(mean).values(p).values(m).values(v);
    adapter = p;
    first = m;
    second = v;
  }
  return hash;
}

}  // namespace test

// Whole models: every bit of logits, losses and gradients as the second implementation computes them; close to binary64;
// and causal, so that a prefix gives the logits that it gives within a longer text.
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "check.h"
#include "ideal.h"
#include "network.h"
#include "r3mes/train.h"
#include "second_operators.h"
#include "synthetic.h"

namespace {

using std::vector;
using test::Ideal;
using test::Network;
using test::Random;
using test::Second;

using Engine = std::unique_ptr<r3mes_model, decltype(&r3mes_model_destroy)>;

Engine engine(const test::SyntheticModel& model) {
  r3mes_model* made = nullptr;
  CHECK_OK(r3mes_model_create(&made, &model.shape, &model.weights, 2, &error));
  return Engine(made, r3mes_model_destroy);
}

const r3mes_run_options kOptions{2, 2, nullptr, nullptr, 0};

struct Case {
  r3mes_model_shape shape;
  bool tied;
  r3mes_lora lora;
  int sequences, length;
};

void bit_for_bit(const Case& c) {
  const test::SyntheticModel model(c.shape, c.tied, 101);
  const Engine e = engine(model);
  Random random(102);
  const vector<float> adapter = test::gaussians(random, test::adapter_size(e.get(), c.lora), 0.04f);
  const vector<std::int32_t> tokens = test::random_tokens(random, static_cast<std::size_t>(c.sequences) * c.length, c.shape.vocab_size);
  const r3mes_sequences batch{tokens.data(), c.sequences, c.length, &c.lora, adapter.data(), adapter.size()};
  vector<float> gradients(adapter.size()), logits(tokens.size() * c.shape.vocab_size);
  vector<std::int64_t> losses(c.sequences), again(c.sequences);
  float loss = 0.0f, evaluated = 0.0f;
  CHECK_OK(r3mes_train_step(gradients.data(), losses.data(), &loss, e.get(), &batch, &kOptions, &error));
  CHECK_OK(r3mes_evaluate(again.data(), &evaluated, e.get(), &batch, &kOptions, &error));
  CHECK_OK(r3mes_logits(logits.data(), e.get(), &batch, &kOptions, &error));

  Network<Second> second(model, e.get(), c.lora, adapter);
  second.run(tokens, c.sequences, c.length);
  std::int64_t sum = 0;
  for (const std::int64_t l : second.losses) sum += l;
  const float mean = test::rn(sum, -20) / static_cast<float>(c.sequences * (c.length - 1));
  CHECK(test::same(logits, second.logits));
  CHECK(losses == second.losses && again == second.losses);
  CHECK(loss == mean && evaluated == mean);
  CHECK(test::same(gradients, second.gradients));
  bool negative_zero = false;
  for (const float g : gradients) negative_zero = negative_zero || (g == 0.0f && std::signbit(g));
  CHECK(!negative_zero);
}

/** Loss within 5e-3 and every tensor's cosine at least 0.999, as for the reference models. */
void close_to_binary64() {
  const Case c{{128, 256, 3, 8, 4, 16, 400, 512, 1e-5f, 10000.0}, false, {8, 16.0f, 0x7f}, 2, 64};
  const test::SyntheticModel model(c.shape, c.tied, 103);
  const Engine e = engine(model);
  Random random(104);
  const vector<float> adapter = test::gaussians(random, test::adapter_size(e.get(), c.lora), 0.02f);
  const vector<std::int32_t> tokens = test::random_tokens(random, static_cast<std::size_t>(c.sequences) * c.length, c.shape.vocab_size);
  const r3mes_sequences batch{tokens.data(), c.sequences, c.length, &c.lora, adapter.data(), adapter.size()};
  vector<float> gradients(adapter.size());
  vector<std::int64_t> losses(c.sequences);
  float loss = 0.0f;
  CHECK_OK(r3mes_train_step(gradients.data(), losses.data(), &loss, e.get(), &batch, &kOptions, &error));
  Network<Ideal> ideal(model, e.get(), c.lora, adapter);
  Ideal::act8 = true;
  ideal.run(tokens, c.sequences, c.length);
  const double mean = (ideal.losses[0] + ideal.losses[1]) / (c.sequences * (c.length - 1));
  CHECK_AT_MOST(std::fabs(loss - mean), 5e-3);
  double least = 1.0;
  for (const r3mes_adapter_tensor& t : ideal.tensors) {
    const std::size_t size = static_cast<std::size_t>(t.rows) * t.columns;
    const double cosine = test::cosine(gradients.data() + t.offset, ideal.gradients.data() + t.offset, size);
    least = std::fmin(least, cosine);
    if (cosine < 0.999) std::printf("%s has cosine %.6f\n", t.name, cosine);
  }
  std::printf("binary64: loss %.6f, difference %.2g; smallest cosine of %zu tensors %.6f\n", mean, std::fabs(loss - mean), ideal.tensors.size(), least);
  CHECK(least >= 0.999);
}

void causal() {
  const r3mes_model_shape shape{48, 80, 2, 4, 2, 12, 97, 2048, 1e-5f, 10000.0};
  const test::SyntheticModel model(shape, false, 105);
  const Engine e = engine(model);
  const r3mes_lora lora{4, 8.0f, 0x7f};
  Random random(106);
  const vector<float> adapter = test::gaussians(random, test::adapter_size(e.get(), lora), 0.05f);
  const int length = 1100;  // above 1,024 tokens attention goes another way
  vector<std::int32_t> tokens = test::random_tokens(random, length, shape.vocab_size);
  const auto logits_of = [&](int count) {
    vector<float> logits(static_cast<std::size_t>(count) * shape.vocab_size);
    const r3mes_sequences batch{tokens.data(), 1, count, &lora, adapter.data(), adapter.size()};
    CHECK_OK(r3mes_logits(logits.data(), e.get(), &batch, &kOptions, &error));
    return logits;
  };
  const vector<float> all = logits_of(length);
  for (const int count : {1, 2, 15, 16, 17, 63, 64, 65, 100, 256, 257, 1024, 1025}) {
    const vector<float> prefix = logits_of(count);
    CHECK(std::equal(prefix.begin(), prefix.end(), all.begin()));
  }
  tokens[700] = (tokens[700] + 1) % shape.vocab_size;
  const vector<float> changed = logits_of(length);
  const std::size_t at = static_cast<std::size_t>(700) * shape.vocab_size;
  CHECK(std::equal(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(at), changed.begin()));
  CHECK(!std::equal(all.begin() + static_cast<std::ptrdiff_t>(at), all.end(), changed.begin() + static_cast<std::ptrdiff_t>(at)));
}

/** Same weights as bf16, f16 and f32; no adapter, and an adapter of zeros: the same logits. */
void same_model() {
  const r3mes_model_shape shape{32, 48, 1, 4, 4, 8, 67, 64, 1e-5f, 10000.0};
  test::SyntheticModel model(shape, true, 107);
  vector<std::uint16_t> bf16, f16;
  for (float& x : model.embedding) {
    x = std::nearbyint(x * 128.0f) / 128.0f;  // at most 8 significant bits
    std::uint32_t bits = 0;
    std::memcpy(&bits, &x, 4);
    bf16.push_back(static_cast<std::uint16_t>(bits >> 16));
    const std::uint32_t half = (bits & 0x7fffffffu) == 0 ? 0 : ((bits >> 23 & 255u) - 112u) << 10 | (bits >> 13 & 0x3ffu);
    f16.push_back(static_cast<std::uint16_t>(bits >> 16 & 0x8000u) | static_cast<std::uint16_t>(half));
  }
  Random random(108);
  const vector<std::int32_t> tokens = test::random_tokens(random, 40, shape.vocab_size);
  vector<vector<float>> results;
  const r3mes_lora lora{2, 2.0f, 0x7f};
  for (const r3mes_raw_matrix& embedding :
       {model.weights.embedding, r3mes_raw_matrix{R3MES_BF16, bf16.data(), bf16.size() * 2}, r3mes_raw_matrix{R3MES_F16, f16.data(), f16.size() * 2}}) {
    model.weights.embedding = embedding;
    const Engine e = engine(model);
    const vector<float> zeros(test::adapter_size(e.get(), lora));
    for (const bool with_adapter : {false, true}) {
      results.emplace_back(tokens.size() * shape.vocab_size);
      const r3mes_sequences batch{tokens.data(), 2, 20, with_adapter ? &lora : nullptr, with_adapter ? zeros.data() : nullptr, with_adapter ? zeros.size() : 0};
      CHECK_OK(r3mes_logits(results.back().data(), e.get(), &batch, &kOptions, &error));
    }
  }
  for (const vector<float>& logits : results) CHECK(test::same(logits, results[0]));
}

}  // namespace

int main() {
  bit_for_bit({{64, 176, 2, 4, 2, 16, 256, 512, 1e-5f, 10000.0}, true, {4, 8.0f, 0x0f}, 3, 48});
  bit_for_bit({{72, 188, 3, 6, 3, 12, 301, 512, 1e-6f, 500000.0}, false, {5, 7.0f, 0x7f}, 3, 37});
  bit_for_bit({{32, 48, 1, 2, 1, 16, 67, 512, 1e-5f, 10000.0}, true, {3, 3.0f, 0x55}, 2, 300});
  bit_for_bit({{16, 20, 2, 4, 1, 4, 29, 2048, 1e-5f, 10000.0}, true, {2, 4.0f, 0x2a}, 1, 1100});
  bit_for_bit({{8, 4, 1, 1, 1, 8, 3, 16, 1e-5f, 10000.0}, false, {1, 1.0f, 0x40}, 4, 2});
  close_to_binary64();
  causal();
  same_model();
  return test::finish("models");
}

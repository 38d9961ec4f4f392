// Generation: however a sequence is cut into prefill and decode, and on any number of threads, its logits have the bits of the forward
// pass over the whole of it.
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "check.h"
#include "r3mes/generate.h"
#include "synthetic.h"

namespace {

using std::vector;
using test::SyntheticModel;

struct Case {
  r3mes_model_shape shape;
  bool tied;
  int rank;  // 0: no adapter
  std::uint32_t targets;
  int tokens;
  vector<vector<int>> cuts;  // each sums up to `tokens`
  bool bf16 = false;         // type of the embedding; else binary32
};

int never(void*) { return 0; }
int at_once(void*) { return 1; }

r3mes_run_options on(int threads) { return {threads, 1, never, nullptr, 0}; }

bool equal(const float* a, const float* b, std::size_t n) { return std::memcmp(a, b, n * sizeof(float)) == 0; }

void whole(const Case& c) {
  SyntheticModel m(c.shape, c.tied, 7);
  // The upper half of binary32, and a row of magnitudes so far apart that most of them are rounded.
  vector<std::uint16_t> halves(m.embedding.size());
  for (std::size_t i = 0; i < halves.size(); ++i) {
    const float x = i / c.shape.hidden_size == 3 ? std::ldexp(m.embedding[i], -static_cast<int>(i % 23)) : m.embedding[i];
    std::uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    halves[i] = static_cast<std::uint16_t>(bits >> 16);
  }
  if (c.bf16) m.weights.embedding = {R3MES_BF16, halves.data(), halves.size() * 2};
  r3mes_model* model = nullptr;
  CHECK_OK(r3mes_model_create(&model, &m.shape, &m.weights, 2, &error));
  test::Random random(11);
  const vector<std::int32_t> tokens = test::random_tokens(random, c.tokens, c.shape.vocab_size);
  const r3mes_lora settings{c.rank, 2.0f * static_cast<float>(c.rank), c.targets};
  const r3mes_lora* lora = c.rank == 0 ? nullptr : &settings;
  vector<float> adapter;
  if (lora != nullptr) adapter = test::gaussians(random, test::adapter_size(model, settings), 0.125f);
  const float* values = lora == nullptr ? nullptr : adapter.data();

  const std::size_t V = c.shape.vocab_size;
  vector<float> expected(c.tokens * V);
  const r3mes_sequences batch{tokens.data(), 1, c.tokens, lora, values, adapter.size()};
  const r3mes_run_options two = on(2);
  CHECK_OK(r3mes_logits(expected.data(), model, &batch, &two, &error));

  for (const int threads : {1, 2, 7}) {
    const r3mes_run_options options = on(threads);
    r3mes_session* session = nullptr;
    CHECK_OK(r3mes_session_create(&session, model, lora, values, adapter.size(), c.tokens, threads, &error));
    for (const vector<int>& cut : c.cuts) {
      CHECK_OK(r3mes_session_rewind(session, 0, &error));
      int at = 0;
      for (const int count : cut) {
        vector<float> logits(count * V);
        CHECK_OK(r3mes_session_extend(logits.data(), count, session, tokens.data() + at, count, &options, &error));
        CHECK(equal(logits.data(), expected.data() + at * V, logits.size()));
        at += count;
      }
      CHECK(at == c.tokens && r3mes_session_length(session) == c.tokens);
      // Back to the middle, and on with the last logits only.
      const int half = c.tokens / 2;
      CHECK_OK(r3mes_session_rewind(session, half, &error));
      vector<float> last(V);
      CHECK_OK(r3mes_session_extend(last.data(), 1, session, tokens.data() + half, c.tokens - half, &options, &error));
      CHECK(equal(last.data(), expected.data() + (c.tokens - 1) * V, V));
    }
    r3mes_session_destroy(session);
  }
  r3mes_model_destroy(model);
}

void refusals() {
  SyntheticModel m({16, 24, 2, 4, 2, 4, 31, 64, 1e-5f, 10000.0}, true, 5);
  r3mes_model* model = nullptr;
  CHECK_OK(r3mes_model_create(&model, &m.shape, &m.weights, 1, &error));
  const r3mes_run_options options = on(2);
  r3mes_session* session = nullptr;
  const r3mes_lora lora{2, 4.0f, 1};
  vector<float> adapter(test::adapter_size(model, lora), std::numeric_limits<float>::infinity());
  CHECK_REFUSED(r3mes_session_create(&session, model, nullptr, nullptr, 0, 65, 1, &error), R3MES_BAD_SHAPE, "capacity is 65", "1 to 64");
  CHECK_REFUSED(r3mes_session_create(&session, model, nullptr, nullptr, 0, 0, 1, &error), R3MES_BAD_SHAPE, "capacity is 0");
  CHECK_REFUSED(r3mes_session_create(&session, model, nullptr, nullptr, 0, 8, 0, &error), R3MES_BAD_VALUE, "threads is 0");
  CHECK_REFUSED(r3mes_session_create(&session, model, &lora, nullptr, 0, 8, 1, &error), R3MES_BAD_SHAPE, "LoRA settings");
  CHECK_REFUSED(r3mes_session_create(&session, model, &lora, adapter.data(), 3, 8, 1, &error), R3MES_BAD_SHAPE, "has 3 elements");
  CHECK_REFUSED(r3mes_session_create(&session, model, &lora, adapter.data(), adapter.size(), 8, 1, &error), R3MES_NOT_FINITE, "lora_A.weight");
  CHECK(session == nullptr);

  CHECK_OK(r3mes_session_create(&session, model, nullptr, nullptr, 0, 8, 1, &error));
  vector<float> logits(8 * 31);
  const std::int32_t tokens[9] = {1, 2, 3, 30, 5, 6, 7, 8, 9};
  const std::int32_t bad[2] = {1, 31};
  CHECK_OK(r3mes_session_extend(nullptr, 0, session, tokens, 3, &options, &error));
  CHECK_REFUSED(r3mes_session_extend(logits.data(), 1, session, tokens, 6, &options, &error), R3MES_BAD_SHAPE, "6 tokens behind 3", "at most 8");
  CHECK_REFUSED(r3mes_session_extend(logits.data(), 1, session, tokens, 0, &options, &error), R3MES_BAD_SHAPE, "no tokens");
  CHECK_REFUSED(r3mes_session_extend(logits.data(), 3, session, tokens, 2, &options, &error), R3MES_BAD_VALUE, "logits of 3 tokens");
  CHECK_REFUSED(r3mes_session_extend(logits.data(), 1, session, bad, 2, &options, &error), R3MES_BAD_TOKEN, "token 4 is 31", "0 to 30");
  CHECK_REFUSED(r3mes_session_rewind(session, 4, &error), R3MES_BAD_VALUE, "length is 4", "0 to 3");
  const r3mes_run_options cancelled{2, 1, at_once, nullptr, 0};
  CHECK_REFUSED(r3mes_session_extend(logits.data(), 1, session, tokens, 2, &cancelled, &error), R3MES_CANCELLED, "cancelled");
  CHECK(r3mes_session_length(session) == 3);
  // What a refused call left behind changes nothing.
  CHECK_OK(r3mes_session_extend(logits.data(), 1, session, tokens + 3, 2, &options, &error));
  vector<float> expected(5 * 31);
  const r3mes_sequences batch{tokens, 1, 5, nullptr, nullptr, 0};
  CHECK_OK(r3mes_logits(expected.data(), model, &batch, &options, &error));
  CHECK(equal(logits.data(), expected.data() + 4 * 31, 31));
  r3mes_session_destroy(session);
  r3mes_session_destroy(nullptr);
  r3mes_model_destroy(model);
}

void sampling() {
  const float logits[5] = {1.0f, 3.0f, -1e30f, 2.0f, 3.0f};
  std::int32_t weights[5];
  CHECK_OK(r3mes_sampling_weights(weights, logits, 5, 1.0f, &error));
  CHECK(weights[1] == 1 << 30 && weights[4] == 1 << 30 && weights[2] == 0);
  CHECK(std::abs(weights[3] / 0x1p30 - std::exp(-1.0)) < 1e-6 && std::abs(weights[0] / 0x1p30 - std::exp(-2.0)) < 1e-6);
  CHECK_OK(r3mes_sampling_weights(weights, logits, 5, 1e-30f, &error));
  CHECK(weights[0] == 0 && weights[1] == 1 << 30 && weights[3] == 0);
  CHECK_REFUSED(r3mes_sampling_weights(weights, logits, 5, 0.0f, &error), R3MES_BAD_VALUE, "temperature is 0");
  CHECK_REFUSED(r3mes_sampling_weights(weights, logits, 5, std::nanf(""), &error), R3MES_BAD_VALUE, "temperature");
  const float broken[2] = {1.0f, std::nanf("")};
  CHECK_REFUSED(r3mes_sampling_weights(weights, broken, 2, 1.0f, &error), R3MES_NOT_FINITE, "logits");
}

}  // namespace

int main() {
  whole({{32, 44, 2, 4, 2, 8, 53, 64, 1e-5f, 10000.0}, true, 3, 0x7f, 21, {{21}, {1, 1, 5, 14}, {20, 1}}});
  whole({{24, 20, 3, 2, 2, 12, 97, 64, 1e-6f, 500000.0}, false, 0, 0, 40, {{40}, {33, 7}, vector<int>(40, 1)}});
  whole({{160, 132, 1, 5, 1, 32, 300, 1200, 1e-5f, 10000.0}, true, 8, 0x41, 700, {{700}, {513, 1, 186}}});
  whole({{24, 20, 3, 2, 2, 12, 97, 64, 1e-6f, 500000.0}, true, 0, 0, 12, {{12}, vector<int>(12, 1)}, true});
  whole({{160, 132, 1, 5, 1, 32, 300, 64, 1e-5f, 10000.0}, true, 8, 0x41, 9, {{9}, {7, 1, 1}}, true});
  refusals();
  sampling();
  return test::finish("generation");
}

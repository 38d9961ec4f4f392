// A training step, or a forward pass, of a model with random weights: tokens a second, the share of what the processor could do
// at most (counted int8 multiply-adds against the measured peak), bytes a token, and the hash of the result.
//
//   step SHAPE [--kind train|evaluate|logits] [--sequences N] [--length N] [--threads N] [--micro-batch N] [--layers N] [--repeat N] [--rank N]
//       [--activation-mib N]
//
// SHAPE: nano (the packaged model's) or 2b4t (BitNet b1.58 2B4T's). With --repeat several runs, of which the fastest counts.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "../test/sha256.h"
#include "peak.h"
#include "random_model.h"
#include "r3mes/model.h"
#include "r3mes/train.h"

namespace {

struct Options {
  r3mes_model_shape shape{};
  std::string kind = "train";
  int sequences = 8, length = 256, threads = 2, micro_batch = 0, repeat = 3, rank = 8;
  std::int64_t activation_mib = 0;
};

[[noreturn]] void refuse(const std::string& message) {
  std::fprintf(stderr, "step: %s\n", message.c_str());
  std::exit(2);
}

Options parse(int argc, char** argv) {
  Options o;
  const std::string name = argc > 1 ? argv[1] : "";
  const std::optional<r3mes_model_shape> shape = bench::shape_named(name);
  if (!shape.has_value()) refuse("expected a shape, nano or 2b4t");
  o.shape = *shape;
  for (int i = 2; i < argc; i += 2) {
    if (i + 1 == argc) refuse(std::string(argv[i]) + " needs a value");
    const std::string flag = argv[i];
    const int n = std::atoi(argv[i + 1]);
    if (flag == "--kind") o.kind = argv[i + 1];
    else if (flag == "--sequences") o.sequences = n;
    else if (flag == "--length") o.length = n;
    else if (flag == "--threads") o.threads = n;
    else if (flag == "--micro-batch") o.micro_batch = n;
    else if (flag == "--layers") o.shape.layers = n;
    else if (flag == "--repeat") o.repeat = n;
    else if (flag == "--rank") o.rank = n;
    else if (flag == "--activation-mib") o.activation_mib = n;
    else refuse("unknown flag " + flag);
  }
  if (o.micro_batch == 0) o.micro_batch = std::max(1, 2048 / o.length);
  return o;
}

/** int8 multiply-adds a token: what the definitions need, without what an implementation computes twice. */
double counted(const Options& o) {
  const r3mes_model_shape& s = o.shape;
  const double hidden = s.hidden_size, ffn = s.ffn_size, kv = static_cast<double>(s.kv_heads) * s.head_size;
  const double in_and_out = 4 * hidden + 2 * (hidden + kv) + 3 * (hidden + ffn);
  const double pairs = static_cast<double>(s.heads) * s.head_size * (o.length + 1) / 2.0;
  const double vocab = hidden * s.vocab_size, labelled = o.kind == "logits" ? 1.0 : (o.length - 1.0) / o.length;
  const bool train = o.kind == "train";
  const double lora = o.kind == "logits" ? 0.0 : o.rank * in_and_out * (train ? 12 : 4);
  return bench::ternary_weights(s) * (train ? 3 : 1) + s.layers * (pairs * 4 * (train ? 6 : 2) + lora) + vocab * labelled * (train ? 8 : 4);
}

void require(r3mes_status status, const r3mes_error& error) {
  if (status != R3MES_OK) refuse(error.message);
}

}  // namespace

int main(int argc, char** argv) {
  const Options o = parse(argc, argv);
  r3mes_error error;
  r3mes_model* model = nullptr;
  {
    const bench::Weights weights(o.shape);
    require(r3mes_model_create(&model, &o.shape, &weights.weights, o.threads, &error), error);
  }
  const double model_bytes = bench::peak_memory();
  test::Random random(3);
  const int tokens = o.sequences * o.length;
  const std::vector<std::int32_t> ids = test::random_tokens(random, tokens, o.shape.vocab_size);
  const r3mes_lora lora{o.rank, 2.0f * static_cast<float>(o.rank), 127};
  const std::vector<float> adapter = test::gaussians(random, test::adapter_size(model, lora), 0.02f);
  const bool logits_only = o.kind == "logits";
  r3mes_sequences batch{ids.data(), o.sequences, o.length, &lora, adapter.data(), adapter.size()};
  if (logits_only) batch.lora = nullptr, batch.adapter = nullptr, batch.adapter_size = 0;
  const r3mes_run_options options{o.threads, o.micro_batch, nullptr, nullptr, o.activation_mib * (std::int64_t{1} << 20)};
  std::vector<float> result(logits_only ? static_cast<std::size_t>(tokens) * o.shape.vocab_size : adapter.size());
  std::vector<std::int64_t> losses(o.sequences);
  float loss = 0.0f;
  double best = 1e30, best_processor = 1e30;
  for (int i = 0; i < o.repeat; ++i) {
    const double started = bench::now(), processor = bench::processor_seconds();
    if (logits_only) require(r3mes_logits(result.data(), model, &batch, &options, &error), error);
    else if (o.kind == "evaluate") require(r3mes_evaluate(losses.data(), &loss, model, &batch, &options, &error), error);
    else require(r3mes_train_step(result.data(), losses.data(), &loss, model, &batch, &options, &error), error);
    best = std::min(best, bench::now() - started);
    best_processor = std::min(best_processor, bench::processor_seconds() - processor);
  }
  const double memory = bench::peak_memory();
  const double limit = bench::peak_multiply_adds(o.threads), work = counted(o);
  test::Sha256 hash;
  const std::string hex = hash.values(result).values(losses).hex();
  std::printf("%s %d x %d tokens, %d threads, micro-batch %d, hash %s\n", o.kind.c_str(), o.sequences, o.length, o.threads, o.micro_batch, hex.substr(0, 16).c_str());
  std::printf("  %.1f tokens/s, %.3f s, %.3f s of processor time\n", tokens / best, best, best_processor);
  std::printf("  %.2f M int8 multiply-adds a token, limit %.0f G/s: %.1f %% of it (%.1f %% by processor time)\n", work * 1e-6, limit * 1e-9,
              100.0 * work * tokens / best / limit, 100.0 * work * tokens / best_processor / (limit / o.threads));
  std::printf("  peak memory %.2f GiB (%.2f GiB with the model made), %.0f bytes a token above it\n", memory / 1073741824.0,
              model_bytes / 1073741824.0, std::max(0.0, memory - model_bytes) / std::min(tokens, o.micro_batch * o.length));
  r3mes_model_destroy(model);
  return 0;
}

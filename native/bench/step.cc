// A training step, or a forward pass, of a model with random weights: tokens a second, the share of what the processor could do
// at most (counted int8 multiply-adds against the measured peak), bytes a token, and the hash of the result.
//
//   step SHAPE [--kind train|evaluate|logits] [--sequences N] [--length N] [--threads N] [--micro-batch N] [--layers N] [--repeat N] [--rank N]
//       [--activation-mib N]
//
// SHAPE: nano (the packaged model's) or 2b4t (BitNet b1.58 2B4T's). With --repeat several runs, of which the fastest counts.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "../test/sha256.h"
#include "../test/synthetic.h"
#include "peak.h"
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
  if (name == "nano") {
    o.shape = {256, 768, 4, 8, 4, 32, 1024, 4096, 1e-5f, 10000.0};
  } else if (name == "2b4t") {
    o.shape = {2560, 6912, 30, 20, 5, 128, 128256, 4096, 1e-5f, 500000.0};
  } else {
    refuse("expected a shape, nano or 2b4t");
  }
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

/** int8 multiply-adds a token: what the definitions need, without what an implementation computes twice. */
double counted(const Options& o) {
  const r3mes_model_shape& s = o.shape;
  const double hidden = s.hidden_size, ffn = s.ffn_size, kv = static_cast<double>(s.kv_heads) * s.head_size;
  const double ternary = hidden * (2 * hidden + 2 * kv + 3 * ffn), in_and_out = 4 * hidden + 2 * (hidden + kv) + 3 * (hidden + ffn);
  const double pairs = static_cast<double>(s.heads) * s.head_size * (o.length + 1) / 2.0;
  const double vocab = hidden * s.vocab_size, labelled = o.kind == "logits" ? 1.0 : (o.length - 1.0) / o.length;
  const bool train = o.kind == "train";
  const double lora = o.kind == "logits" ? 0.0 : o.rank * in_and_out * (train ? 12 : 4);
  return s.layers * (ternary * (train ? 3 : 1) + pairs * 4 * (train ? 6 : 2) + lora) + vocab * labelled * (train ? 8 : 4);
}

double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + 1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

double peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024.0;
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
    const Weights weights(o.shape);
    require(r3mes_model_create(&model, &o.shape, &weights.weights, o.threads, &error), error);
  }
  const double model_bytes = peak_memory();
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
    const double started = bench::now(), processor = processor_seconds();
    if (logits_only) require(r3mes_logits(result.data(), model, &batch, &options, &error), error);
    else if (o.kind == "evaluate") require(r3mes_evaluate(losses.data(), &loss, model, &batch, &options, &error), error);
    else require(r3mes_train_step(result.data(), losses.data(), &loss, model, &batch, &options, &error), error);
    best = std::min(best, bench::now() - started);
    best_processor = std::min(best_processor, processor_seconds() - processor);
  }
  const double memory = peak_memory();
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

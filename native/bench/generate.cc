// Reading a prompt (prefill) and writing tokens (decode) with a model with random weights: tokens a second, the share of what the
// processor could do at most - counted int8 multiply-adds against the measured peak, for decode counted bytes against the measured
// speed of reading memory -, processor time, which other processes do not change much, and the hash of the last logits.
//
//   generate SHAPE [--prefill N] [--decode N] [--behind N] [--threads N] [--layers N] [--repeat N] [--rank N]
//
// SHAPE: nano or 2b4t. Decode starts behind `--behind` tokens. `--rank` adds LoRA on all linears. The fastest of `--repeat` runs counts.
#include <cstdio>
#include <cstdlib>

#include "../test/sha256.h"
#include "peak.h"
#include "r3mes/generate.h"
#include "random_model.h"

namespace {

struct Options {
  r3mes_model_shape shape{};
  int prefill = 512, decode = 64, behind = 1, threads = 2, repeat = 3, rank = 0;
};

struct Seconds {
  double clock = 1e30;
  double processor = 1e30;
};

[[noreturn]] void refuse(const std::string& message) {
  std::fprintf(stderr, "generate: %s\n", message.c_str());
  std::exit(2);
}

Options parse(int argc, char** argv) {
  Options o;
  const std::optional<r3mes_model_shape> shape = bench::shape_named(argc > 1 ? argv[1] : "");
  if (!shape.has_value()) refuse("expected a shape, nano or 2b4t");
  o.shape = *shape;
  for (int i = 2; i < argc; i += 2) {
    if (i + 1 == argc) refuse(std::string(argv[i]) + " needs a value");
    const std::string flag = argv[i];
    const int n = std::atoi(argv[i + 1]);
    if (flag == "--prefill") o.prefill = n;
    else if (flag == "--decode") o.decode = n;
    else if (flag == "--behind") o.behind = n;
    else if (flag == "--threads") o.threads = n;
    else if (flag == "--layers") o.shape.layers = n;
    else if (flag == "--repeat") o.repeat = n;
    else if (flag == "--rank") o.rank = n;
    else refuse("unknown flag " + flag);
  }
  return o;
}

/** int8 multiply-adds of `tokens` tokens behind `before` others, with logits of the last one. */
double counted(const Options& o, int before, int tokens) {
  const r3mes_model_shape& s = o.shape;
  const double hidden = s.hidden_size, kv = static_cast<double>(s.kv_heads) * s.head_size;
  const double pairs = hidden * (before + (tokens + 1) / 2.0) * tokens;
  const double in_and_out = 4 * hidden + 2 * (hidden + kv) + 3 * (hidden + s.ffn_size);
  return bench::ternary_weights(s) * tokens + s.layers * (pairs * 8 + 4 * o.rank * in_and_out * tokens) + 4 * hidden * s.vocab_size;
}

/** Bytes that one token behind `before` others has to read: two bits a ternary weight, bf16 of the head, mantissas of keys and values. */
double counted_bytes(const Options& o, int before) {
  const r3mes_model_shape& s = o.shape;
  const double kv = static_cast<double>(s.kv_heads) * s.head_size;
  return bench::ternary_weights(s) / 4 + 2.0 * s.hidden_size * s.vocab_size + 4 * kv * s.layers * (before + 1.0);
}

void require(r3mes_status status, const r3mes_error& error) {
  if (status != R3MES_OK) refuse(error.message);
}

template <class Work>
void measure(Seconds& best, Work work) {
  const double started = bench::now(), processor = bench::processor_seconds();
  work();
  best.clock = std::min(best.clock, bench::now() - started);
  best.processor = std::min(best.processor, bench::processor_seconds() - processor);
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
  test::Random random(3);
  const int capacity = std::max(o.prefill, o.behind + o.decode);
  const std::vector<std::int32_t> tokens = test::random_tokens(random, capacity, o.shape.vocab_size);
  const r3mes_lora settings{o.rank, 2.0f * static_cast<float>(o.rank), 127};
  const r3mes_lora* lora = o.rank == 0 ? nullptr : &settings;
  std::vector<float> adapter;
  if (lora != nullptr) adapter = test::gaussians(random, test::adapter_size(model, settings), 0.02f);
  r3mes_session* session = nullptr;
  require(r3mes_session_create(&session, model, lora, lora == nullptr ? nullptr : adapter.data(), adapter.size(), capacity, o.threads, &error), error);
  const r3mes_run_options options{o.threads, 1, nullptr, nullptr, 0};
  std::vector<float> logits(o.shape.vocab_size);
  test::Sha256 hash;
  Seconds prefill, decode;
  for (int i = 0; i < o.repeat; ++i) {
    require(r3mes_session_rewind(session, 0, &error), error);
    measure(prefill, [&] { require(r3mes_session_extend(logits.data(), 1, session, tokens.data(), o.prefill, &options, &error), error); });
    if (i == 0) hash.values(logits);
    require(r3mes_session_rewind(session, 0, &error), error);
    require(r3mes_session_extend(nullptr, 0, session, tokens.data(), o.behind, &options, &error), error);
    measure(decode, [&] {
      for (int t = 0; t < o.decode; ++t) {
        require(r3mes_session_extend(logits.data(), 1, session, tokens.data() + o.behind + t, 1, &options, &error), error);
      }
    });
    if (i == 0) hash.values(logits);
  }
  const double limit = bench::peak_multiply_adds(o.threads), read = bench::peak_read(o.threads);
  const double work = counted(o, 0, o.prefill), bytes = counted_bytes(o, o.behind + o.decode / 2) * o.decode;
  std::printf("%d threads, rank %d, hash %s, peak memory %.2f GiB\n", o.threads, o.rank, hash.hex().substr(0, 16).c_str(), bench::peak_memory() / 1073741824.0);
  std::printf("  prefill %5d tokens %8.1f tokens/s, %.3f s of processor time: %.1f %% of %.0f G multiply-adds/s (%.1f %% by processor time)\n", o.prefill,
              o.prefill / prefill.clock, prefill.processor, 100.0 * work / prefill.clock / limit, limit * 1e-9,
              100.0 * work / prefill.processor / (limit / o.threads));
  std::printf("  decode  %5d tokens %8.1f tokens/s, %.3f s of processor time: %.1f %% of %.1f GB/s, %.3f GB a token\n", o.decode, o.decode / decode.clock,
              decode.processor, 100.0 * bytes / decode.clock / read, read * 1e-9, bytes / o.decode * 1e-9);
  r3mes_session_destroy(session);
  r3mes_model_destroy(model);
  return 0;
}

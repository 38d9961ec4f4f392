// A thousand steps, models and sessions leave the memory of the process where it was after the first hundred.
//
//   leak [steps]
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "check.h"
#include "r3mes/generate.h"
#include "r3mes/train.h"
#include "synthetic.h"

namespace {

using std::vector;

/** Pages that the process holds, in bytes; 0 where the system does not say. */
long resident_bytes() {
  long pages = 0, held = 0;
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  const int read = std::fscanf(file, "%ld %ld", &pages, &held);
  std::fclose(file);
  return read == 2 ? held * 4096 : 0;
}

int never(void*) { return 0; }

}  // namespace

int main(int argc, char** argv) {
  const int steps = argc > 1 ? std::atoi(argv[1]) : 1000;
  if (resident_bytes() == 0) {
    std::printf("SKIPPED: this system does not tell a process's memory\n");
    return 0;
  }
  const r3mes_model_shape shape{64, 176, 2, 4, 2, 16, 256, 128, 1e-5f, 10000.0};
  const test::SyntheticModel synthetic(shape, true, 3);
  const r3mes_lora lora{4, 8.0f, 0x7f};
  test::Random random(5);
  const vector<std::int32_t> tokens = test::random_tokens(random, 2 * 48, shape.vocab_size);
  long after_first = 0;
  for (int i = 0; i < steps; ++i) {
    r3mes_model* model = nullptr;
    CHECK_OK(r3mes_model_create(&model, &shape, &synthetic.weights, 1, &error));
    vector<float> adapter(test::adapter_size(model, lora), 0.0625f), gradients(adapter.size()), logits(shape.vocab_size);
    vector<std::int64_t> losses(2);
    float loss = 0.0f;
    r3mes_run_options options{};
    options.threads = 1 + i % 3;
    options.micro_batch = 1 + i % 2;
    options.cancelled = never;
    const r3mes_sequences batch{tokens.data(), 2, 48, &lora, adapter.data(), adapter.size()};
    CHECK_OK(r3mes_train_step(gradients.data(), losses.data(), &loss, model, &batch, &options, &error));
    r3mes_session* session = nullptr;
    CHECK_OK(r3mes_session_create(&session, model, &lora, adapter.data(), adapter.size(), 64, 1, &error));
    CHECK_OK(r3mes_session_extend(logits.data(), 1, session, tokens.data(), 48, &options, &error));
    r3mes_session_destroy(session);
    // A refusal on the way leaves nothing behind either.
    adapter[0] = HUGE_VALF;
    CHECK_REFUSED(r3mes_train_step(gradients.data(), losses.data(), &loss, model, &batch, &options, &error), R3MES_NOT_FINITE, "lora_A");
    r3mes_model_destroy(model);
    if (i == steps / 10) after_first = resident_bytes();
  }
  const long growth = resident_bytes() - after_first;
  std::printf("%d steps: %.1f MiB resident, %+.2f MiB since step %d\n", steps, static_cast<double>(resident_bytes()) / 1048576.0,
              static_cast<double>(growth) / 1048576.0, steps / 10);
  CHECK(growth < 4 * 1048576);
  return test::finish("leak");
}

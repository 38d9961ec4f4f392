// A call that is asked to stop ends with CANCELLED at whatever moment it is asked, leaves no thread behind, and the next
// call gives the same bits as ever.
#include <atomic>
#include <cstdio>
#include <cstring>
#include <vector>

#include "check.h"
#include "r3mes/train.h"
#include "synthetic.h"

namespace {

using std::vector;

/** Threads of this process, or −1 where the system does not tell. */
int threads_alive() {
  std::FILE* file = std::fopen("/proc/self/status", "r");
  if (file == nullptr) return -1;
  int threads = -1;
  for (char line[256]; std::fgets(line, sizeof line, file) != nullptr;) {
    if (std::strncmp(line, "Threads:", 8) == 0) std::sscanf(line + 8, "%d", &threads);
  }
  std::fclose(file);
  return threads;
}

/** Says stop from the `limit`th question on. */
struct Asked {
  std::atomic<int> count{0};
  int limit;

  explicit Asked(int stop_at) : limit(stop_at) {}
  static int cancelled(void* context) {
    auto* asked = static_cast<Asked*>(context);
    return asked->count.fetch_add(1) >= asked->limit ? 1 : 0;
  }
};

constexpr int kNever = 1 << 30;

}  // namespace

int main() {
  const r3mes_model_shape shape{16, 24, 2, 4, 2, 4, 31, 2048, 1e-5f, 10000.0};
  const test::SyntheticModel synthetic(shape, false, 131);
  r3mes_model* model = nullptr;
  CHECK_OK(r3mes_model_create(&model, &shape, &synthetic.weights, 2, &error));
  const r3mes_lora lora{2, 4.0f, 0x7f};
  test::Random random(132);
  const vector<float> adapter = test::gaussians(random, test::adapter_size(model, lora), 0.05f);
  const vector<std::int32_t> tokens = test::random_tokens(random, 3 * 50, shape.vocab_size);
  const r3mes_sequences batch{tokens.data(), 3, 50, &lora, adapter.data(), adapter.size()};
  vector<float> expected(adapter.size()), gradients(adapter.size()), logits(tokens.size() * shape.vocab_size);
  vector<std::int64_t> losses(3);
  float loss = 0.0f;

  // A thread that has been joined may still be counted for a moment, so only a rising number would tell of a leak.
  const int before = threads_alive();
  if (before < 0) std::printf("threads left behind: not counted, this system has no /proc/self/status\n");
  for (const int threads : {1, 2, 5}) {
    Asked never(kNever);
    const r3mes_run_options whole{threads, 2, Asked::cancelled, &never, 0};
    CHECK_OK(r3mes_train_step(expected.data(), losses.data(), &loss, model, &batch, &whole, &error));
    const int questions = never.count;
    CHECK(questions > 50);
    for (int stop_at = 0; stop_at < questions; ++stop_at) {
      Asked asked(stop_at);
      const r3mes_run_options options{threads, 2, Asked::cancelled, &asked, 0};
      CHECK_REFUSED(r3mes_train_step(gradients.data(), losses.data(), &loss, model, &batch, &options, &error), R3MES_CANCELLED, "cancelled");
      CHECK(asked.count <= stop_at + threads);  // nothing starts any more; each thread may have asked once at the same time
    }
    Asked evaluate(3), run(3);
    const r3mes_run_options one{threads, 2, Asked::cancelled, &evaluate, 0}, two{threads, 2, Asked::cancelled, &run, 0};
    CHECK_REFUSED(r3mes_evaluate(losses.data(), &loss, model, &batch, &one, &error), R3MES_CANCELLED, "cancelled");
    CHECK_REFUSED(r3mes_logits(logits.data(), model, &batch, &two, &error), R3MES_CANCELLED, "cancelled");
    const r3mes_run_options again{threads, 2, nullptr, nullptr, 0};
    CHECK_OK(r3mes_train_step(gradients.data(), losses.data(), &loss, model, &batch, &again, &error));
    CHECK(test::same(gradients, expected));
  }
  int after = threads_alive();
  for (int i = 0; i < 1000 && after > before; ++i) after = threads_alive();
  CHECK(after <= before);
  r3mes_model_destroy(model);
  return test::finish("cancellation");
}

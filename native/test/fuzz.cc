// Random jobs on the CPU: one line each, the same on every instruction set and for every number of threads.
//
//   fuzz FIRST COUNT threads micro_batch       prints the lines of the cases FIRST … FIRST + COUNT − 1
#include <cstdlib>
#include <cstring>

#include "r3mes/generate.h"
#include "random_case.h"

namespace {

using std::vector;

/** Logits again, prefill and decode: other bits would show here. */
bool same_by_session(const test::RandomCase& c, const r3mes_model* model, const vector<float>& logits, const r3mes_run_options& options) {
  const std::size_t V = r3mes_model_get_shape(model)->vocab_size;
  r3mes_session* session = nullptr;
  if (r3mes_session_create(&session, model, &c.lora, c.adapter.data(), c.adapter.size(), c.length, options.threads, nullptr) != R3MES_OK) return false;
  const int prefill = c.length - 1;
  vector<float> made(c.length * V);
  const bool ok = r3mes_session_extend(made.data(), prefill, session, c.tokens.data(), prefill, &options, nullptr) == R3MES_OK &&
                  r3mes_session_extend(made.data() + prefill * V, 1, session, c.tokens.data() + prefill, 1, &options, nullptr) == R3MES_OK;
  r3mes_session_destroy(session);
  return ok && std::memcmp(made.data(), logits.data(), made.size() * sizeof(float)) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const std::uint64_t first = std::strtoull(argv[1], nullptr, 10), count = std::strtoull(argv[2], nullptr, 10);
  r3mes_run_options options{};
  options.threads = std::atoi(argv[3]);
  options.micro_batch = std::atoi(argv[4]);
  int failed = 0;
  for (std::uint64_t number = first; number < first + count; ++number) {
    test::RandomCase c(number);
    std::string line;
    const auto model = c.create(line);
    if (model != nullptr) {
      test::Outcome outcome;
      const r3mes_sequences batch = c.batch();
      const std::size_t vocab = c.synthetic().shape.vocab_size;
      vector<float> logits(c.tokens.size() * vocab), gradients(c.adapter.size()), loss(1);
      vector<std::int64_t> losses(c.sequences);
      const r3mes_status forward = r3mes_logits(logits.data(), model.get(), &batch, &options, nullptr);
      outcome.add(forward, logits);
      outcome.add(r3mes_train_step(gradients.data(), losses.data(), loss.data(), model.get(), &batch, &options, nullptr), gradients, losses, loss);
      line += outcome.text();
      if (forward == R3MES_OK && !same_by_session(c, model.get(), logits, options)) {
        line += " FAILED: prefill and decode give other logits";
        ++failed;
      }
    }
    std::printf("%s\n", line.c_str());
  }
  return failed == 0 ? 0 : 1;
}

// Random jobs on a CUDA device, or on its twin on the host, against the CPU.
//
//   cuda_fuzz DEVICE FIRST COUNT       DEVICE as in cuda_golden
#include <cstdlib>

#include "r3mes/cuda.h"
#include "random_case.h"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const int device = std::atoi(argv[1]);
  const std::uint64_t first = std::strtoull(argv[2], nullptr, 10), count = std::strtoull(argv[3], nullptr, 10);
  if (device >= 0) {
    std::int32_t gpus = 0;
    r3mes_error error;
    if (r3mes_cuda_count(&gpus, &error) != R3MES_OK || device >= gpus) {
      std::printf("SKIPPED: there is no GPU %d here: %s\n", device, gpus == 0 && error.message[0] != '\0' ? error.message : "too few of them");
      return 0;
    }
  }
  const r3mes_run_options cpu{1, 1, nullptr, nullptr}, gpu{1, 0, nullptr, nullptr};
  std::uint64_t computed = 0;
  int different = 0;
  for (std::uint64_t number = first; number < first + count; ++number) {
    test::RandomCase c(number);
    std::string line;
    const auto model = c.create(line);
    if (model == nullptr) continue;
    r3mes_cuda_model* made = nullptr;
    r3mes_error error;
    if (r3mes_cuda_model_create(&made, device, model.get(), &c.synthetic().weights, &error) != R3MES_OK) {
      std::printf("FAILED %s: %s\n", line.c_str(), error.message);
      return 1;
    }
    const std::unique_ptr<r3mes_cuda_model, void (*)(r3mes_cuda_model*)> cuda(made, r3mes_cuda_model_destroy);
    const r3mes_sequences batch = c.batch();
    std::string seen[2];
    for (int side = 0; side < 2; ++side) {
      test::Outcome outcome;
      std::vector<float> logits(c.tokens.size() * c.synthetic().shape.vocab_size), gradients(c.adapter.size()), loss(1);
      std::vector<std::int64_t> losses(c.sequences);
      outcome.add(side == 0 ? r3mes_logits(logits.data(), model.get(), &batch, &cpu, nullptr) : r3mes_cuda_logits(logits.data(), cuda.get(), &batch, &gpu, nullptr),
                  logits);
      outcome.add(side == 0 ? r3mes_train_step(gradients.data(), losses.data(), loss.data(), model.get(), &batch, &cpu, nullptr)
                            : r3mes_cuda_train_step(gradients.data(), losses.data(), loss.data(), cuda.get(), &batch, &gpu, nullptr),
                  gradients, losses, loss);
      seen[side] = outcome.text();
    }
    ++computed;
    if (seen[0] == seen[1]) continue;
    ++different;
    std::printf("FAILED %s:%s on the CPU,%s on the device\n", line.c_str(), seen[0].c_str(), seen[1].c_str());
  }
  std::printf("cuda_fuzz: %llu jobs computed, %d differ\n", static_cast<unsigned long long>(computed), different);
  return different == 0 && computed > 0 ? 0 : 1;
}

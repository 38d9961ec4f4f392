// The golden training steps on a CUDA device.
//
//   cuda_golden DEVICE micro_batch file    DEVICE: a GPU's number, or -1 or -2 for the kernels on the host; micro_batch 0: what fits
#include <cstdlib>

#include "r3mes/cuda.h"
#include "steps.h"

namespace {

using test::require;

test::Backend cuda_backend(int device, int micro_batch) {
  return [=](const r3mes_model* model, const test::SyntheticModel& synthetic) {
    r3mes_cuda_model* made = nullptr;
    r3mes_error error;
    require(r3mes_cuda_model_create(&made, device, model, &synthetic.weights, &error), error);
    const std::shared_ptr<r3mes_cuda_model> cuda(made, r3mes_cuda_model_destroy);
    const r3mes_run_options options{1, micro_batch, nullptr, nullptr, 0};
    return test::Passes{[=](float* gradients, std::int64_t* losses, float* loss, const r3mes_sequences& batch) {
                          r3mes_error e;
                          require(r3mes_cuda_train_step(gradients, losses, loss, cuda.get(), &batch, &options, &e), e);
                        },
                        [=](std::int64_t* losses, float* loss, const r3mes_sequences& batch) {
                          r3mes_error e;
                          require(r3mes_cuda_evaluate(losses, loss, cuda.get(), &batch, &options, &e), e);
                        },
                        [=](float* logits, const r3mes_sequences& batch) {
                          r3mes_error e;
                          require(r3mes_cuda_logits(logits, cuda.get(), &batch, &options, &e), e);
                        }};
  };
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const int device = std::atoi(argv[1]);
  if (device >= 0) {
    std::int32_t count = 0;
    r3mes_error error;
    if (r3mes_cuda_count(&count, &error) != R3MES_OK || device >= count) {
      std::printf("SKIPPED: there is no GPU %d here: %s\n", device, count == 0 && error.message[0] != '\0' ? error.message : "too few of them");
      return 0;
    }
    r3mes_cuda_device info;
    require(r3mes_cuda_describe(&info, device, &error), error);
    std::printf("%s, %s (%d.%d), driver for CUDA %s\n", info.name, info.architecture, info.major, info.minor, info.driver);
  }
  test::GoldenLines lines;
  for (const test::StepCase& c : test::kStepCases) {
    test::Sha256 hash = test::step_hash(c, cuda_backend(device, std::atoi(argv[2])));
    lines.add(c.name, hash);
  }
  return lines.compare(argv[3], "step-");
}

// The C face of the CUDA backend.
#include "r3mes/cuda.h"

#include <cmath>
#include <memory>

#include "../cpu/failure.h"
#include "device_model.h"
#include "gpu.h"
#include "step.h"
#include "twin.h"

struct r3mes_cuda_model {
  r3mes::cuda::DeviceModel model;
};

namespace {

using r3mes::cpu::Failure;
using r3mes::cpu::FloatEnvironment;
using r3mes::cpu::guarded;
using r3mes::cuda::Step;

std::unique_ptr<r3mes::cuda::Device> open_device(std::int32_t index) {
  if (index == R3MES_CUDA_TWIN) return r3mes::cuda::make_twin(false);
  if (index == R3MES_CUDA_TENSOR_TWIN) return r3mes::cuda::make_twin(true);
  return r3mes::cuda::open_gpu(index);
}

/** rn(Σ, −20) ÷ f32(labels). */
float mean_loss(const std::int64_t* losses, int sequences, std::int64_t labels) {
  std::int64_t sum = 0;
  for (int i = 0; i < sequences; ++i) {
    sum += losses[i];
    if (sum >= std::int64_t{1} << 53) throw Failure(R3MES_OVERFLOW, "the sum of the losses is 2^33 nats or more");
  }
  return static_cast<float>(static_cast<double>(sum) * 0x1p-20) / static_cast<float>(labels);
}

}  // namespace

int32_t r3mes_cuda_has_kernels(void) { return r3mes::cuda::kernel_image() == nullptr ? 0 : 1; }

r3mes_status r3mes_cuda_count(int32_t* count, r3mes_error* error) {
  const FloatEnvironment environment;
  *count = 0;
  return guarded(error, [&] { *count = r3mes::cuda::gpu_count(); });
}

r3mes_status r3mes_cuda_describe(r3mes_cuda_device* device, int32_t index, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] { *device = r3mes::cuda::describe_gpu(index); });
}

r3mes_status r3mes_cuda_model_create(r3mes_cuda_model** made, int32_t index, const r3mes_model* model, const r3mes_model_weights* weights,
                                     r3mes_error* error) {
  const FloatEnvironment environment;
  *made = nullptr;
  return guarded(error, [&] { *made = new r3mes_cuda_model{{open_device(index), *model, *weights}}; });
}

void r3mes_cuda_model_destroy(r3mes_cuda_model* model) { delete model; }

r3mes_status r3mes_cuda_plan_train_step(r3mes_cuda_plan* plan, r3mes_cuda_model* model, const r3mes_sequences* batch,
                                        const r3mes_run_options* options, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    const std::lock_guard<std::mutex> lock(model->model.mutex());
    const Step step(model->model, *batch, *options, Step::Kind::kTrain);
    *plan = {step.plan().micro_batch, step.plan().recompute ? 1 : 0, step.plan().bytes};
  });
}

r3mes_status r3mes_cuda_train_step(float* gradients, int64_t* sequence_losses, float* loss, r3mes_cuda_model* model,
                                   const r3mes_sequences* batch, const r3mes_run_options* options, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    const std::lock_guard<std::mutex> lock(model->model.mutex());
    Step step(model->model, *batch, *options, Step::Kind::kTrain);
    step.run(gradients, nullptr, sequence_losses);
    *loss = mean_loss(sequence_losses, batch->sequences, step.labels());
  });
}

r3mes_status r3mes_cuda_evaluate(int64_t* sequence_losses, float* loss, r3mes_cuda_model* model, const r3mes_sequences* batch,
                                 const r3mes_run_options* options, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    const std::lock_guard<std::mutex> lock(model->model.mutex());
    Step step(model->model, *batch, *options, Step::Kind::kEvaluate);
    step.run(nullptr, nullptr, sequence_losses);
    *loss = mean_loss(sequence_losses, batch->sequences, step.labels());
  });
}

r3mes_status r3mes_cuda_logits(float* logits, r3mes_cuda_model* model, const r3mes_sequences* batch, const r3mes_run_options* options,
                               r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    const std::lock_guard<std::mutex> lock(model->model.mutex());
    Step step(model->model, *batch, *options, Step::Kind::kLogits);
    step.run(nullptr, logits, nullptr);
  });
}

// A job takes the memory that there is: fewer sequences at once, then layers computed twice, then a refusal; always the same bits.
#include <memory>

#include "../cpu/failure.h"
#include "../cuda/step.h"
#include "../cuda/twin.h"
#include "check.h"
#include "synthetic.h"

namespace {

using r3mes::cuda::DeviceModel;
using r3mes::cuda::Step;
using std::vector;

struct Result {
  vector<float> gradients;
  vector<std::int64_t> losses;
  bool operator==(const Result& other) const { return gradients == other.gradients && losses == other.losses; }
};

}  // namespace

int main() {
  const r3mes_model_shape shape{32, 48, 3, 2, 1, 16, 67, 512, 1e-5f, 10000.0};
  const test::SyntheticModel synthetic(shape, true, 5);
  r3mes_model* model = nullptr;
  CHECK_OK(r3mes_model_create(&model, &shape, &synthetic.weights, 1, &error));
  const r3mes_lora lora{2, 4.0f, 0x7f};
  test::Random random(6);
  const std::size_t size = test::adapter_size(model, lora);
  const vector<float> adapter = test::gaussians(random, size, 0.05f);
  const int sequences = 6, length = 40;
  const vector<std::int32_t> tokens = test::random_tokens(random, sequences * length, shape.vocab_size);
  const r3mes_sequences batch{tokens.data(), sequences, length, &lora, adapter.data(), size};
  const r3mes_run_options options{1, 0, nullptr, nullptr, 0};

  Result expected{vector<float>(size), vector<std::int64_t>(sequences)};
  float loss = 0.0f;
  const r3mes_run_options on_cpu{1, 2, nullptr, nullptr, 0};
  CHECK_OK(r3mes_train_step(expected.gradients.data(), expected.losses.data(), &loss, model, &batch, &on_cpu, &error));

  // What the model and the whole job take, from a twin with room for both.
  const std::size_t plenty = std::size_t{1} << 28;
  std::size_t model_bytes = 0, job_bytes = 0;
  {
    DeviceModel whole(r3mes::cuda::make_twin(true, plenty), *model, synthetic.weights);
    model_bytes = plenty - whole.device().free_bytes();
    const Step step(whole, batch, options, Step::Kind::kTrain);
    job_bytes = step.plan().bytes;
    CHECK(step.plan().micro_batch == sequences && !step.plan().recompute);
    const r3mes_run_options two{1, 2, nullptr, nullptr, 0};
    CHECK((Step(whole, batch, two, Step::Kind::kTrain).plan().micro_batch == 2));
  }

  bool cut = false, twice = false, refused = false;
  for (int percent = 120; percent >= 5; percent -= 5) {
    // Loading takes a little more than the model, for a moment.
    const std::size_t bytes = model_bytes + (64 << 10) + job_bytes * static_cast<std::size_t>(percent) / 100;
    try {
      DeviceModel small(r3mes::cuda::make_twin(true, bytes), *model, synthetic.weights);
      Step step(small, batch, options, Step::Kind::kTrain);
      const bool first_of_its_kind = (step.plan().micro_batch < sequences && !cut) || (step.plan().recompute && !twice);
      cut = cut || step.plan().micro_batch < sequences;
      twice = twice || step.plan().recompute;
      if (!first_of_its_kind) continue;
      Result got{vector<float>(size), vector<std::int64_t>(sequences)};
      step.run(got.gradients.data(), nullptr, got.losses.data());
      CHECK(got == expected);
      // The same memory serves the next job.
      Step again(small, batch, options, Step::Kind::kTrain);
      again.run(got.gradients.data(), nullptr, got.losses.data());
      CHECK(got == expected);
    } catch (const r3mes::cpu::Failure& failure) {
      CHECK(failure.status() == R3MES_OUT_OF_MEMORY);
      CHECK(std::string(failure.what()).find("one sequence of 40 tokens needs ") == 0);
      refused = true;
    }
  }
  CHECK(cut);
  CHECK(twice);
  CHECK(refused);
  r3mes_model_destroy(model);
  return test::finish("cuda_memory");
}

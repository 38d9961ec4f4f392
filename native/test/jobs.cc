// Every refusal that the headers of model and train name: what is said, and that nothing of it depends on the threads.
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#if defined(__linux__)
#include <sys/resource.h>
#endif

#include "check.h"
#include "r3mes/train.h"
#include "synthetic.h"

namespace {

using std::string;
using std::vector;
using test::SyntheticModel;

const float kNaN = std::numeric_limits<float>::quiet_NaN();
const float kInfinity = std::numeric_limits<float>::infinity();
const r3mes_model_shape kShape{16, 24, 2, 4, 2, 4, 31, 64, 1e-5f, 10000.0};
const r3mes_lora kLora{2, 4.0f, 0x7f};

/** Changes one thing of a good model. */
template <class Change>
r3mes_status create(Change change, r3mes_error* error) {
  SyntheticModel m(kShape, false, 111);
  int threads = 2;
  change(m, threads);
  r3mes_model* model = nullptr;
  const r3mes_status status = r3mes_model_create(&model, &m.shape, &m.weights, threads, error);
  CHECK((model != nullptr) == (status == R3MES_OK));
  r3mes_model_destroy(model);
  return status;
}

#define MODEL(change) create([](SyntheticModel& m, int& threads) { (void)m; (void)threads; change; }, &error)

void shapes() {
  CHECK_OK(MODEL(threads = 1));
  CHECK_OK(MODEL(threads = std::numeric_limits<int>::max()));
  CHECK_REFUSED(MODEL(threads = 0), R3MES_BAD_VALUE, "threads is 0");
  CHECK_REFUSED(MODEL(m.shape.hidden_size = 0), R3MES_BAD_SHAPE, "hidden_size is 0");
  CHECK_REFUSED(MODEL(m.shape.hidden_size = 1 << 17), R3MES_BAD_SHAPE, "hidden_size is 131072");
  CHECK_REFUSED(MODEL(m.shape.hidden_size = 20), R3MES_BAD_SHAPE, "hidden_size is 20", "heads × head_size = 16");
  CHECK_REFUSED(MODEL(m.shape.ffn_size = 65793), R3MES_BAD_SHAPE, "ffn_size is 65793");
  CHECK_REFUSED(MODEL(m.shape.ffn_size = 26), R3MES_BAD_SHAPE, "mlp.gate_proj has 26 outputs", "multiple of 4");
  CHECK_REFUSED(MODEL(m.shape.layers = 0), R3MES_BAD_SHAPE, "layers is 0");
  CHECK_REFUSED(MODEL(m.shape.heads = 0), R3MES_BAD_SHAPE, "heads is 0");
  CHECK_REFUSED(MODEL(m.shape.kv_heads = 3), R3MES_BAD_SHAPE, "multiple of kv_heads");
  CHECK_REFUSED(MODEL(m.shape.kv_heads = 8), R3MES_BAD_SHAPE, "kv_heads is 8");
  CHECK_REFUSED(MODEL(m.shape.heads = 16; m.shape.kv_heads = 16; m.shape.head_size = 1), R3MES_BAD_SHAPE, "head_size is 1");
  CHECK_REFUSED(MODEL(m.shape.hidden_size = 12; m.shape.head_size = 3), R3MES_BAD_SHAPE, "head_size is 3", "even");
  CHECK_REFUSED(MODEL(m.shape.vocab_size = 0), R3MES_BAD_SHAPE, "vocab_size is 0");
  CHECK_REFUSED(MODEL(m.shape.vocab_size = 1 << 23), R3MES_BAD_SHAPE, "vocab_size is 8388608");
  CHECK_REFUSED(MODEL(m.shape.max_positions = (1 << 20) + 1), R3MES_BAD_SHAPE, "max_positions is 1048577");
  for (const float eps : {0.0f, -1e-5f, kNaN, kInfinity}) {
    const auto change = [eps](SyntheticModel& m, int&) { m.shape.rms_epsilon = eps; };
    CHECK_REFUSED(create(change, &error), R3MES_BAD_VALUE, "rms_epsilon");
  }
  for (const double theta : {1.0, 1e30, std::nan("")}) {
    const auto change = [theta](SyntheticModel& m, int&) { m.shape.rope_theta = theta; };
    CHECK_REFUSED(create(change, &error), R3MES_BAD_VALUE, "rope_theta");
  }
}

void weights() {
  CHECK_REFUSED(MODEL(m.weights.layers = nullptr), R3MES_BAD_SHAPE, "layers is missing");
  CHECK_REFUSED(MODEL(m.weights.final_norm = nullptr), R3MES_BAD_SHAPE, "norm is missing");
  CHECK_REFUSED(MODEL(m.layers[1].ffn_sub_norm = nullptr), R3MES_BAD_SHAPE, "ffn_sub_norm is missing");
  CHECK_REFUSED(MODEL(m.weights.embedding.size_bytes -= 4), R3MES_BAD_SHAPE, "embed_tokens.weight has 1980 bytes, expected 1984");
  CHECK_REFUSED(MODEL(m.weights.head.size_bytes += 4), R3MES_BAD_SHAPE, "lm_head.weight has 1988 bytes, expected 1984");
  CHECK_REFUSED(MODEL(m.weights.embedding.type = static_cast<r3mes_float_type>(3)), R3MES_BAD_SHAPE, "unknown type");
  CHECK_REFUSED(MODEL(m.layers[1].linears[R3MES_V].size_bytes = 31), R3MES_BAD_SHAPE, "layers.1.self_attn.v_proj.weight has 31 bytes, expected 32");
  CHECK_REFUSED(MODEL(m.layers[0].linears[R3MES_DOWN].codes = nullptr), R3MES_BAD_SHAPE, "layers.0.mlp.down_proj.weight");
  CHECK_REFUSED(MODEL(m.codes[R3MES_GATE][16 * 3 + 5] = 0x53), R3MES_BAD_VALUE, "layers.0.mlp.gate_proj.weight has code 3 in byte [3, 5]");
  CHECK_REFUSED(MODEL(m.layers[1].linears[R3MES_Q].scale = 0.0f), R3MES_BAD_VALUE, "layers.1.self_attn.q_proj.weight_scale is 0");
  CHECK_REFUSED(MODEL(m.layers[1].linears[R3MES_Q].scale = -1.0f), R3MES_BAD_VALUE, "weight_scale is -1");
  CHECK_REFUSED(MODEL(m.layers[1].linears[R3MES_Q].scale = kNaN), R3MES_BAD_VALUE, "weight_scale is");
  CHECK_REFUSED(MODEL(m.embedding[16 * 7 + 3] = kNaN), R3MES_NOT_FINITE, "embed_tokens is NaN at [7, 3]");
  CHECK_REFUSED(MODEL(m.head[16 * 30 + 15] = -kInfinity), R3MES_NOT_FINITE, "lm_head is -infinity at [30, 15]");
  CHECK_REFUSED(MODEL(m.final_norm[2] = kInfinity), R3MES_NOT_FINITE, "norm is infinity at [0, 2]");
  CHECK_REFUSED(MODEL(m.norms[5][9] = kNaN), R3MES_NOT_FINITE, "layers.1.self_attn.attn_sub_norm is NaN at [0, 9]");
}

/** A good job of two sequences, of which a test changes one thing. */
struct Job {
  SyntheticModel synthetic;
  r3mes_model* model = nullptr;
  r3mes_lora lora = kLora;
  vector<float> adapter, gradients, logits;
  vector<std::int32_t> tokens;
  vector<std::int64_t> losses = vector<std::int64_t>(2);
  float loss = 0.0f;
  r3mes_sequences batch{};
  r3mes_run_options options{2, 2, nullptr, nullptr, 0};

  explicit Job(float final_norm_factor = 1.0f) : synthetic(kShape, false, 112) {
    for (float& w : synthetic.final_norm) w *= final_norm_factor;
    CHECK_OK(r3mes_model_create(&model, &kShape, &synthetic.weights, 1, &error));
    test::Random random(113);
    adapter = test::gaussians(random, test::adapter_size(model, lora), 0.05f);
    gradients.resize(adapter.size());
    tokens = test::random_tokens(random, 2 * 20, kShape.vocab_size);
    logits.resize(tokens.size() * kShape.vocab_size);
    batch = {tokens.data(), 2, 20, &lora, adapter.data(), adapter.size()};
  }
  ~Job() { r3mes_model_destroy(model); }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;

  r3mes_status train(r3mes_error* error) { return r3mes_train_step(gradients.data(), losses.data(), &loss, model, &batch, &options, error); }
  r3mes_status evaluate(r3mes_error* error) { return r3mes_evaluate(losses.data(), &loss, model, &batch, &options, error); }
  r3mes_status run(r3mes_error* error) { return r3mes_logits(logits.data(), model, &batch, &options, error); }

  int rows(const string& name) { return find(name).rows; }

  /** Element of a tensor of the adapter. */
  float& at(const string& name, int row, int column) {
    const r3mes_adapter_tensor t = find(name);
    return adapter[t.offset + static_cast<std::size_t>(row) * t.columns + column];
  }

 private:
  r3mes_adapter_tensor find(const string& name) {
    std::size_t count = 0, size = 0;
    r3mes_adapter_layout(&count, &size, nullptr, model, &lora, nullptr);
    vector<r3mes_adapter_tensor> tensors(count);
    r3mes_adapter_layout(&count, &size, tensors.data(), model, &lora, nullptr);
    for (const r3mes_adapter_tensor& t : tensors) {
      if (t.name == "base_model.model.model.layers." + name + ".weight") return t;
    }
    std::printf("no tensor %s\n", name.c_str());
    std::exit(1);
  }
};

#define JOB(change, call) [](r3mes_error* error_) { Job j; change; return j.call(error_); }(&error)

void batches() {
  CHECK_OK(JOB(, train));
  CHECK_OK(JOB(, evaluate));
  CHECK_OK(JOB(, run));
  CHECK_OK(JOB(j.batch.sequence_length = 1, run));
  CHECK_OK(JOB(j.batch.lora = nullptr; j.batch.adapter = nullptr, evaluate));
  CHECK_REFUSED(JOB(j.options.threads = 0, train), R3MES_BAD_VALUE, "threads is 0");
  CHECK_REFUSED(JOB(j.options.micro_batch = 0, train), R3MES_BAD_VALUE, "micro_batch is 0");
  CHECK_REFUSED(JOB(j.batch.sequences = 0, train), R3MES_BAD_SHAPE, "no sequences");
  CHECK_REFUSED(JOB(j.batch.sequence_length = 0, run), R3MES_BAD_SHAPE, "sequence_length is 0");
  CHECK_REFUSED(JOB(j.batch.sequence_length = 65, run), R3MES_BAD_SHAPE, "sequence_length is 65, expected 1 to 64");
  CHECK_REFUSED(JOB(j.batch.sequence_length = 1, train), R3MES_NO_LABELS, "at least two tokens");
  CHECK_REFUSED(JOB(j.batch.sequence_length = 1, evaluate), R3MES_NO_LABELS, "at least two tokens");
  CHECK_REFUSED(JOB(j.tokens[27] = 31, train), R3MES_BAD_TOKEN, "token 7 of sequence 1 is 31, expected 0 to 30");
  CHECK_REFUSED(JOB(j.tokens[0] = -1, run), R3MES_BAD_TOKEN, "token 0 of sequence 0 is -1");
  CHECK_REFUSED(JOB(j.tokens[39] = 1 << 30, evaluate), R3MES_BAD_TOKEN, "token 19 of sequence 1");  // a label only
  CHECK_REFUSED(JOB(j.batch.adapter_size -= 1, train), R3MES_BAD_SHAPE, "the adapter has", "expected");
  CHECK_REFUSED(JOB(j.batch.adapter = nullptr, evaluate), R3MES_BAD_SHAPE, "adapter");
  CHECK_REFUSED(JOB(j.batch.lora = nullptr, evaluate), R3MES_BAD_SHAPE, "adapter");
  CHECK_REFUSED(JOB(j.batch.lora = nullptr; j.batch.adapter = nullptr, train), R3MES_BAD_SHAPE, "training needs an adapter");
  CHECK_REFUSED(JOB(j.lora.rank = 0, train), R3MES_BAD_VALUE, "rank is 0");
  CHECK_REFUSED(JOB(j.lora.rank = 4097, train), R3MES_BAD_VALUE, "rank is 4097");
  CHECK_REFUSED(JOB(j.lora.alpha = 0.0f, train), R3MES_BAD_VALUE, "alpha");
  CHECK_REFUSED(JOB(j.lora.alpha = kNaN, train), R3MES_BAD_VALUE, "alpha");
  CHECK_REFUSED(JOB(j.lora.targets = 0, train), R3MES_BAD_VALUE, "targets are 0");
  CHECK_REFUSED(JOB(j.lora.targets = 128, train), R3MES_BAD_VALUE, "targets are 128");
}

void values() {
  CHECK_REFUSED(JOB(j.at("1.mlp.up_proj.lora_A", 1, 7) = kNaN, train), R3MES_NOT_FINITE, "layers.1.mlp.up_proj.lora_A.weight is NaN at [1, 7]");
  CHECK_REFUSED(JOB(j.at("0.self_attn.k_proj.lora_B", 3, 1) = -kInfinity, run), R3MES_NOT_FINITE,
                "layers.0.self_attn.k_proj.lora_B.weight is -infinity at [3, 1]");
  // A result that overflows: the product of A and B leaves binary32. One sign of the gate would vanish in max(g, 0).
  for (const float sign : {1.0f, -1.0f}) {
    for (const char* name : {"1.mlp.gate_proj", "1.mlp.up_proj", "0.self_attn.q_proj", "0.self_attn.v_proj", "1.self_attn.o_proj", "1.mlp.down_proj"}) {
      const auto overflow = [&](r3mes_error* error) {
        Job j;
        j.batch.sequence_length = 1;
        j.batch.sequences = 1;
        for (int c = 0; c < 16; ++c) j.at(name + string(".lora_A"), 0, c) = 1e30f * static_cast<float>(c + 1);
        for (int o = 0; o < j.rows(name + string(".lora_B")); ++o) j.at(name + string(".lora_B"), o, 0) = 0.0f;
        j.at(name + string(".lora_B"), 2, 0) = sign * 1e30f;
        return j.run(error);
      };
      const string tensor = name == string("1.mlp.gate_proj") ? "layers.1.mlp.gate_proj output is " : name == string("1.mlp.down_proj") ? "norm input is " : "layers.";
      CHECK_REFUSED(overflow(&error), R3MES_NOT_FINITE, tensor, "sequence 0, [0, ");
    }
  }
  // Of several bad values the same one is named, whatever the number of threads.
  string first;
  for (const int threads : {1, 2, 7}) {
    Job j;
    j.options.threads = threads;
    j.at("0.mlp.down_proj.lora_A", 0, 3) = kNaN;
    j.at("1.self_attn.q_proj.lora_B", 4, 1) = kInfinity;
    r3mes_error error{};
    CHECK(j.train(&error) == R3MES_NOT_FINITE);
    if (first.empty()) first = error.message;
    CHECK(first == error.message);
  }
  CHECK(first.find("layers.0.mlp.down_proj.lora_A.weight is NaN at [0, 3]") == 0);
}

void losses() {
  {
    Job j(1e9f);
    CHECK_REFUSED(j.train(&error), R3MES_OVERFLOW, "the loss of sequence 0, token ", "nats, expected less than 2^22");
  }
  // One token less likely than another by so much that 8,000 labels of it come to more than 2^33 nats.
  Job ordinary;
  CHECK_OK(ordinary.run(&error));
  int best = 0, worst = 0;
  for (int v = 0; v < kShape.vocab_size; ++v) {
    best = ordinary.logits[v] > ordinary.logits[best] ? v : best;
    worst = ordinary.logits[v] < ordinary.logits[worst] ? v : worst;
  }
  Job j(3e6f / (ordinary.logits[best] - ordinary.logits[worst]));
  const int sequences = 8000;
  j.tokens.resize(2 * sequences);
  for (int i = 0; i < sequences; ++i) {
    j.tokens[2 * i] = ordinary.tokens[0];
    j.tokens[2 * i + 1] = worst;
  }
  j.losses.resize(sequences);
  j.options.micro_batch = 500;
  j.batch = {j.tokens.data(), 2000, 2, &j.lora, j.adapter.data(), j.adapter.size()};
  CHECK_OK(j.evaluate(&error));
  CHECK(std::fabs(j.loss - 3e6f) < 3e3f);
  j.batch.sequences = sequences;
  CHECK_REFUSED(j.evaluate(&error), R3MES_OVERFLOW, "2^33 nats");
}

/** With little address space left, a call that needs more says so and the next one works. */
void memory() {
#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  r3mes_model_shape shape = kShape;
  shape.max_positions = 1 << 20;
  const SyntheticModel synthetic(shape, true, 114);
  r3mes_model* model = nullptr;
  CHECK_OK(r3mes_model_create(&model, &shape, &synthetic.weights, 1, &error));
  const vector<std::int32_t> tokens(std::size_t{1} << 20, 5);
  vector<float> logits(31);
  r3mes_sequences batch{tokens.data(), 1, 1 << 20, nullptr, nullptr, 0};
  const r3mes_run_options options{1, 1, nullptr, nullptr, 0};
  rlimit before{};
  CHECK(getrlimit(RLIMIT_AS, &before) == 0);
  rlimit tight = before;
  tight.rlim_cur = rlim_t{160} << 20;
  CHECK(setrlimit(RLIMIT_AS, &tight) == 0);
  CHECK_REFUSED(r3mes_logits(logits.data(), model, &batch, &options, &error), R3MES_OUT_OF_MEMORY, "memory");
  CHECK(setrlimit(RLIMIT_AS, &before) == 0);
  batch.sequence_length = 1;
  CHECK_OK(r3mes_logits(logits.data(), model, &batch, &options, &error));
  r3mes_model_destroy(model);
#else
  std::printf("out of memory: not tried, this system or sanitizer does not limit the address space\n");
#endif
}

}  // namespace

int main() {
  shapes();
  weights();
  batches();
  values();
  losses();
  memory();
  return test::finish("jobs");
}

// What a caller's thread brings along must not reach a result: flush-to-zero, other roundings. And what the engine sets,
// it takes back.
#include <cfenv>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>
#define R3MES_MXCSR 1
#endif

#include "check.h"
#include "r3mes/kernels.h"
#include "r3mes/optimizer.h"
#include "r3mes/train.h"
#include "sha256.h"
#include "synthetic.h"

namespace {

using std::vector;
using test::Random;
using test::Sha256;

#ifdef R3MES_MXCSR
using Environment = unsigned;
Environment get() { return _mm_getcsr(); }
void set(Environment e) { _mm_setcsr(e); }
/** Flush to zero 0x8000, denormals are zero 0x40, roundings down, up and to zero; 0x3f: flags that were
 *  raised before; 0: every exception traps, so that a single operation outside the engine's environment ends the test. */
const vector<Environment> kHostile{0x9fc0, 0x3f80, 0x5f80, 0x7f80, 0xffc0, 0x1fbf, 0x0000};
#else
using Environment = int;
Environment get() { return std::fegetround(); }
void set(Environment e) { std::fesetround(e); }
const vector<Environment> kHostile{FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
#endif

/** Inputs on which a wrong environment shows: rounded sums, subnormals before, within and after the computation. */
struct Data {
  static constexpr int kRows = 16, kWidth = 40;
  vector<float> x, w, small;
  vector<std::int8_t> ternary;
  vector<std::int32_t> labels;

  Data() {
    Random random(121);
    x = test::awkward(random, kRows, kWidth);
    for (int c = 0; c < kWidth; ++c) x[3 * kWidth + c] *= 0x1p-50f;
    w = test::gaussians(random, kRows * kWidth);
    small = test::gaussians(random, kRows * kWidth, 0x1p-75f);
    for (int i = 0; i < kRows * kWidth; ++i) ternary.push_back(static_cast<std::int8_t>(random.below(3) - 1));
    labels = test::random_tokens(random, kRows, kRows);
  }
};

void require(r3mes_status status, const r3mes_error& error) {
  if (status == R3MES_OK) return;
  std::printf("ERROR %d %s\n", static_cast<int>(status), error.message);
  std::exit(1);
}

struct Results {
  vector<float> values = vector<float>(std::size_t{1} << 16);  // never grows: pointers into it stay good
  vector<std::int64_t> integers;
  std::size_t used = 0;

  float* room(std::size_t n) {
    used += n;
    if (used > values.size()) std::abort();
    return values.data() + used - n;
  }
};

/** Calls every function of the engine, and nothing else that computes with floats. */
void everything(const Data& d, const test::SyntheticModel& synthetic, Results& r) {
  constexpr int R = Data::kRows, N = Data::kWidth, S = R * N;
  r3mes_error e;
  vector<std::int8_t> q8(S);
  vector<std::int16_t> q16(S);
  vector<std::int32_t> exponents(N), mean(S);
  const float *x = d.x.data(), *w = d.w.data(), *small = d.small.data();
  for (const float t : {-0.3f, -1.7f, -9.1f, -0x1p-130f}) *r.room(1) = r3mes_exp(t);
  for (const float t : {1.1f, 1.9f, 77.7f, 1e9f}) *r.room(1) = r3mes_log(t);
  for (const float t : {0.3f, 0x1.8p-30f, 0x1.4p-29f, 0.999f}) r.integers.push_back(r3mes_fix30(t));
  require(r3mes_act8(q8.data(), r.room(R), x, R, N, &e), e);
  require(r3mes_row16(q16.data(), exponents.data(), x, R, N, &e), e);
  r.integers.insert(r.integers.end(), q8.begin(), q8.end());
  r.integers.insert(r.integers.end(), q16.begin(), q16.end());
  require(r3mes_row16_columns(q16.data(), exponents.data(), small, small, 1, N, &e), e);
  r.integers.insert(r.integers.end(), q16.begin(), q16.end());
  require(r3mes_dot16(r.room(R * R), x, small, R, R, N, &e), e);
  require(r3mes_dot16(r.room(R * R), small, small, R, R, N, &e), e);
  require(r3mes_rope_table(r.room(100), r.room(100), 25, 8, 10000.0, &e), e);
  vector<float> u(R * 2);
  float *rstd = r.room(R), *o = r.room(S), *m = r.room(R), *inverse = r.room(R);
  require(r3mes_rms_norm(r.room(S), rstd, x, w, 1e-6f, R, N, &e), e);
  require(r3mes_rms_norm_backward(r.room(S), small, x, w, rstd, R, N, &e), e);
  const r3mes_linear linear{d.ternary.data(), 0.3f, w, small, 1.5f, N, R, 2};
  require(r3mes_linear_forward(r.room(R * R), u.data(), &linear, x, R, &e), e);
  require(r3mes_linear_backward(r.room(S), r.room(2 * N), r.room(2 * R), &linear, small, x, u.data(), R, &e), e);
  require(r3mes_attention(o, m, inverse, w, w, w, R, N, &e), e);
  require(r3mes_attention_backward(r.room(S), r.room(S), r.room(S), small, w, w, w, o, m, inverse, R, N, 0, &e), e);
  vector<std::int64_t> losses(R);
  require(r3mes_head(r.room(R * R), losses.data(), r.room(S), w, small, d.labels.data(), 3, R, R, N, &e), e);
  r.integers.insert(r.integers.end(), losses.begin(), losses.end());
  require(r3mes_clip(r.room(S), r.room(1), x, S, 0.7f, &e), e);
  require(r3mes_clip(r.room(S), r.room(1), small, S, 0x1p-100f, &e), e);
  const float* gradients[] = {w, small};
  require(r3mes_trimmed_mean(mean.data(), gradients, 2, S, &e), e);
  r3mes_mean_gradient(r.room(S), mean.data(), S);
  const r3mes_adamw_settings adamw{1e-3f, 0.9f, 0.999f, 1e-30f, 0.1f};
  const vector<float> zeros(S);
  require(r3mes_adamw(r.room(S), r.room(S), r.room(S), w, zeros.data(), zeros.data(), small, S, &adamw, 3, &e), e);
  require(r3mes_initial_lora_a(r.room(40), 5, 2, 20, &e), e);

  r3mes_model* model = nullptr;
  require(r3mes_model_create(&model, &synthetic.shape, &synthetic.weights, 3, &e), e);
  const r3mes_lora lora{2, 3.0f, 0x7f};
  const std::size_t size = test::adapter_size(model, lora);
  vector<float> adapter(size);
  std::copy(d.w.begin(), d.w.begin() + S / 2, adapter.begin());
  const r3mes_sequences batch{d.labels.data(), 2, R / 2, &lora, adapter.data(), size};
  for (const int threads : {1, 3}) {
    const r3mes_run_options options{threads, 1, nullptr, nullptr, 0};
    require(r3mes_train_step(r.room(size), losses.data(), r.room(1), model, &batch, &options, &e), e);
    require(r3mes_evaluate(losses.data(), r.room(1), model, &batch, &options, &e), e);
    require(r3mes_logits(r.room(static_cast<std::size_t>(R) * synthetic.shape.vocab_size), model, &batch, &options, &e), e);
  }
  r3mes_model_destroy(model);
}

std::string hash(const Results& r) {
  Sha256 sha;
  return sha.values(r.values).values(r.integers).hex();
}

}  // namespace

int main() {
  const Data data;
  const test::SyntheticModel synthetic({16, 24, 2, 4, 2, 4, 31, 64, 1e-5f, 10000.0}, false, 122);
  Results expected;
  const Environment own = get();
  everything(data, synthetic, expected);
  CHECK(get() == own);
  for (const Environment hostile : kHostile) {
    Results r;
    set(hostile);
    everything(data, synthetic, r);
    const Environment after = get();
    set(own);
    char text[64];
    std::snprintf(text, sizeof text, "%#x", static_cast<unsigned>(hostile));
    test::check(after == hostile, std::string("environment given back: ") + text, __FILE__, __LINE__);
    test::check(hash(r) == hash(expected), std::string("same bits under ") + text, __FILE__, __LINE__);
    // A refusal gives it back as well.
    float y = 0.0f, nan = std::nanf("");
    set(hostile);
    const r3mes_status refused = r3mes_clip(&y, &y, &nan, 1, 1.0f, nullptr);
    const Environment afterwards = get();
    set(own);
    CHECK(refused == R3MES_NOT_FINITE);
    CHECK(afterwards == hostile);
  }
  return test::finish("environment");
}

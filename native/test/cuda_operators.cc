// The kernels one by one, on the twins and on a GPU if there is one, against the operators of the CPU: rows of zeros, subnormals,
// huge values, ties and outliers; sizes that no tile divides; sums longer than int32 holds.
#include <cstring>
#include <memory>
#include <string>

#include "../cuda/gpu.h"
#include "../cuda/operators.h"
#include "../cuda/stages.h"
#include "../cuda/twin.h"
#include "check.h"
#include "r3mes/kernels.h"
#include "synthetic.h"

namespace {

using namespace r3mes::cuda;
using std::vector;
using test::Random;

/** A device, and memory that lives as long as a check. */
class Bench {
 public:
  explicit Bench(Device& device) : device_(device) {
    refused_ = take<unsigned long long>(1);
    stages_.begin(device, refused_);
  }

  template <class T>
  T* take(std::size_t n) {
    memories_.emplace_back(device_, n * sizeof(T));
    return static_cast<T*>(memories_.back().at());
  }
  template <class T>
  T* upload(const vector<T>& values) {
    T* to = take<T>(values.size());
    device_.upload(to, values.data(), values.size() * sizeof(T));
    return to;
  }
  template <class T>
  vector<T> download(const T* from, std::size_t n) {
    vector<T> values(n);
    device_.download(values.data(), from, n * sizeof(T));
    return values;
  }
  Planes planes(std::int64_t rows, int terms) {
    const std::int64_t ld = padded_terms(terms);
    return Planes{take<std::int8_t>(rows * ld), take<std::int8_t>(rows * ld), take<std::int32_t>(rows), ld};
  }
  /** Mantissas [rows][terms]; checks that the rest of each row is zeros. */
  vector<std::int16_t> mantissas(const Planes& p, std::int64_t rows, int terms) {
    const vector<std::int8_t> high = download(p.high, rows * p.ld), low = download(p.low, rows * p.ld);
    vector<std::int16_t> q;
    bool zeros = true;
    for (std::int64_t i = 0; i < rows; ++i) {
      for (int k = 0; k < p.ld; ++k) {
        const int value = high[i * p.ld + k] * 256 + low[i * p.ld + k];
        if (k < terms) q.push_back(static_cast<std::int16_t>(value));
        if (k >= terms && value != 0) zeros = false;
      }
    }
    CHECK(zeros);
    return q;
  }
  Refusals check() { return stages_.check("x", -1, 0); }
  Device& device() { return device_; }

 private:
  Device& device_;
  vector<Memory> memories_;
  unsigned long long* refused_;
  Stages stages_;
};

template <class T>
vector<T> part(const vector<T>& all, std::size_t first, std::size_t n) {
  return vector<T>(all.begin() + static_cast<std::ptrdiff_t>(first), all.begin() + static_cast<std::ptrdiff_t>(first + n));
}

void quantizers(Device& device) {
  Random random(31);
  for (const int n : {1, 2, 31, 33, 64, 257, 1000}) {
    Bench bench(device);
    const int rows = 17;
    const vector<float> x = test::awkward(random, rows, n);
    vector<std::int16_t> q(x.size());
    vector<std::int32_t> e(rows), e_columns(n);
    CHECK_OK(r3mes_row16(q.data(), e.data(), x.data(), rows, n, &error));
    const Planes out = bench.planes(rows, n);
    row16_rows(device, bench.upload(x), rows, n, out, bench.check());
    CHECK(bench.mantissas(out, rows, n) == q);
    CHECK(bench.download(out.e, rows) == e);

    // Columns, plain and folded.
    vector<float> fold(rows);
    vector<std::int32_t> exponents(rows);
    for (int i = 0; i < rows; ++i) {
      exponents[i] = i % 3 == 0 ? -126 : i % 3 == 1 ? -20 : 5;
      fold[i] = std::ldexp(1.0f, exponents[i]);
    }
    for (const bool folded : {false, true}) {
      CHECK_OK(r3mes_row16_columns(q.data(), e_columns.data(), x.data(), folded ? fold.data() : nullptr, rows, n, &error));
      const Planes columns = bench.planes(n, rows);
      Row16Columns::Args args{};
      args.x = bench.upload(x);
      args.ldx = n;
      args.rows = rows;
      args.columns = n;
      if (folded) args.fold = bench.upload(exponents);
      args.out = columns;
      args.refusals = bench.check();
      launch<Row16Columns>(device, {blocks_for(n, Row16Columns::kColumns)}, args);
      CHECK(bench.mantissas(columns, n, rows) == q);
      CHECK(bench.download(columns.e, n) == e_columns);
    }
  }
}

void products(Device& device) {
  Random random(32);
  struct Case {
    int m, n, k;
  };
  // 65,472 terms are the most that one int32 sum takes; the last two are longer.
  for (const Case& c : {Case{9, 11, 1}, Case{65, 70, 63}, Case{9, 130, 513}, Case{3, 5, 65472}, Case{3, 5, 65473}, Case{2, 3, 140000}}) {
    Bench bench(device);
    vector<float> a = test::gaussians(random, static_cast<std::size_t>(c.m) * c.k), b = test::gaussians(random, static_cast<std::size_t>(c.n) * c.k);
    for (int i = 0; i < c.k; ++i) a[i] = b[i] = 32639.0f;  // the largest mantissas there are
    for (int i = 0; i < c.k; ++i) b[static_cast<std::size_t>(c.k) + i] = -32639.0f * (i % 2 == 0 ? 1.0f : 0x1p-8f);
    vector<float> y(static_cast<std::size_t>(c.m) * c.n);
    CHECK_OK(r3mes_dot16(y.data(), a.data(), b.data(), c.m, c.n, c.k, &error));
    const Planes left = bench.planes(c.m, c.k), right = bench.planes(c.n, c.k);
    row16_rows(device, bench.upload(a), c.m, c.k, left, bench.check());
    row16_rows(device, bench.upload(b), c.n, c.k, right, bench.check());
    float* out = bench.take<float>(y.size());
    run_product(device, product_of(left, right, c.m, c.n, c.k, out));
    CHECK(test::same(bench.download(out, y.size()), y));
  }
}

void norms(Device& device) {
  Random random(33);
  for (const int n : {1, 5, 72, 256, 1040}) {
    Bench bench(device);
    const int rows = 9;
    vector<float> x = test::awkward(random, rows, n);
    for (int c = 0; c < n; ++c) x[static_cast<std::size_t>(3) * n + c] *= 0x1p-10f;
    const vector<float> w = test::gaussians(random, n), dy = test::gaussians(random, x.size(), 0x1p-20f);
    vector<float> y(x.size()), rstd(rows), dx(x.size()), scale(rows);
    vector<std::int8_t> act8(x.size());
    vector<std::int16_t> q(x.size());
    vector<std::int32_t> e(rows);
    CHECK_OK(r3mes_rms_norm(y.data(), rstd.data(), x.data(), w.data(), 1e-5f, rows, n, &error));
    CHECK_OK(r3mes_rms_norm_backward(dx.data(), dy.data(), x.data(), w.data(), rstd.data(), rows, n, &error));
    CHECK_OK(r3mes_row16(q.data(), e.data(), y.data(), rows, n, &error));
    CHECK_OK(r3mes_act8(act8.data(), scale.data(), y.data(), rows, n, &error));

    NormForward::Args forward{};
    forward.source = {bench.upload(x), nullptr};
    forward.rows = {rows, rows, 0};
    forward.w = bench.upload(w);
    forward.n = n;
    forward.epsilon = 1e-5f;
    float* rstd_out = bench.take<float>(rows);
    forward.rstd = rstd_out;
    forward.row16 = bench.planes(rows, n);
    forward.ld = forward.row16.ld;
    forward.act8 = bench.take<std::int8_t>(rows * forward.ld);
    forward.dequant_scale = bench.take<float>(rows);
    forward.gate = forward.input = forward.output = bench.check();
    launch<NormForward>(device, {rows}, forward);
    CHECK(bench.download(rstd_out, rows) == rstd);
    CHECK(bench.mantissas(forward.row16, rows, n) == q);
    CHECK(bench.download(forward.row16.e, rows) == e);
    CHECK(bench.download(forward.dequant_scale, rows) == scale);
    const vector<std::int8_t> padded_act8 = bench.download(forward.act8, rows * forward.ld);
    for (int i = 0; i < rows; ++i) {
      CHECK(part(padded_act8, static_cast<std::size_t>(i) * forward.ld, n) == part(act8, static_cast<std::size_t>(i) * n, n));
    }

    NormBackward::Args backward{};
    backward.dy = bench.upload(dy);
    backward.source = forward.source;
    backward.rows = forward.rows;
    backward.w = forward.w;
    backward.rstd = rstd_out;
    backward.n = n;
    float* dx_out = bench.take<float>(x.size());
    backward.dx = dx_out;
    backward.refusals = bench.check();
    launch<NormBackward>(device, {rows}, backward);
    CHECK(test::same(bench.download(dx_out, x.size()), dx));
  }
}

/** Every value of the half formats widens to what the definition says: tested through row16 of rows of one element. */
void raw_matrices(Device& device) {
  Bench bench(device);
  vector<std::uint16_t> halves;
  vector<float> bf16, f16;
  for (std::uint32_t h = 0; h < 0x10000u; h += 7) {
    if ((h & 0x7c00u) == 0x7c00u || (h & 0x7f80u) == 0x7f80u) continue;  // infinities and NaNs of either
    halves.push_back(static_cast<std::uint16_t>(h));
    const std::uint32_t wide = h << 16;
    float x;
    std::memcpy(&x, &wide, sizeof x);
    bf16.push_back(x);
    const int exponent = static_cast<int>(h >> 10 & 31u), fraction = static_cast<int>(h & 0x3ffu);
    const float magnitude = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24) : std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
    f16.push_back((h & 0x8000u) != 0 ? -magnitude : magnitude);
  }
  const int rows = static_cast<int>(halves.size());
  for (const int type : {1, 2}) {
    vector<std::int16_t> q(halves.size());
    vector<std::int32_t> e(halves.size());
    CHECK_OK(r3mes_row16(q.data(), e.data(), (type == 1 ? bf16 : f16).data(), rows, 1, &error));
    const Planes out = bench.planes(rows, 1);
    row16_rows(device, RawMatrix{bench.upload(halves), type}, 1, rows, 1, out, bench.check());
    CHECK(bench.mantissas(out, rows, 1) == q);
    CHECK(bench.download(out.e, rows) == e);
  }
}

void losses(Device& device) {
  Random random(34);
  Bench bench(device);
  const int rows = 5, vocab = 301, hidden = 72;
  vector<float> embedding = test::gaussians(random, static_cast<std::size_t>(vocab) * hidden, 0.3f);
  for (int i = 0; i < hidden; ++i) embedding[i] = 0.0f;
  vector<float> n = test::gaussians(random, static_cast<std::size_t>(rows) * hidden);
  for (int i = 0; i < hidden; ++i) n[hidden + i] *= 1000.0f;  // one weight is 1, all others are 0
  for (int i = 0; i < hidden; ++i) n[2 * hidden + i] = 0.0f;  // all weights are 1
  const vector<std::int32_t> labels = test::random_tokens(random, rows, vocab);
  vector<float> logits(static_cast<std::size_t>(rows) * vocab), dn(n.size());
  vector<std::int64_t> losses(rows);
  CHECK_OK(r3mes_head(logits.data(), losses.data(), dn.data(), embedding.data(), n.data(), labels.data(), 77, rows, vocab, hidden, &error));

  const Planes head = bench.planes(vocab, hidden), columns = bench.planes(hidden, vocab), n16 = bench.planes(rows, hidden);
  row16_rows(device, bench.upload(embedding), vocab, hidden, head, bench.check());
  transpose(device, head, columns, vocab, hidden, 1);
  row16_rows(device, bench.upload(n), rows, hidden, n16, bench.check());
  float* logits_out = bench.take<float>(logits.size());
  run_product(device, product_of(n16, head, rows, vocab, hidden, logits_out));
  CHECK(test::same(bench.download(logits_out, logits.size()), logits));
  std::int64_t* losses_out = bench.take<std::int64_t>(rows);
  float* inverse = bench.take<float>(rows);
  const std::int32_t* labels_at = bench.upload(labels);
  const Planes weights = bench.planes(rows, vocab);
  launch<HeadLoss>(device, {rows}, {logits_out, vocab, labels_at, losses_out, inverse, head.e, weights, 0, bench.check(), bench.check()});
  CHECK(bench.download(losses_out, rows) == losses);
  float* dn_out = bench.take<float>(dn.size());
  PlaneProductArgs back = product_of(weights, columns, rows, hidden, vocab, dn_out);
  back.b.e = nullptr;
  back.row_factor = inverse;
  back.labels = labels_at;
  back.own = head;
  back.inverse_labels = 1.0f / 77.0f;
  run_product(device, back);
  CHECK(test::same(bench.download(dn_out, dn.size()), dn));
}

void all(Device& device, const char* name) {
  quantizers(device);
  products(device);
  norms(device);
  raw_matrices(device);
  losses(device);
  std::printf("%s: done\n", name);
}

}  // namespace

int main() {
  all(*make_twin(false), "twin");
  all(*make_twin(true), "twin with tensor cores");
  std::int32_t count = 0;
  r3mes_error error;
  if (r3mes_cuda_count(&count, &error) == R3MES_OK && count > 0) {
    all(*open_gpu(0), describe_gpu(0).name);
  } else {
    std::printf("no GPU is asked: %s\n", error.message[0] == '\0' ? "there is none" : error.message);
  }
  return test::finish("cuda_operators");
}

// Every refusal that the headers of kernels and optimizer name, with a message that says what was seen and where.
#include <cfloat>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "check.h"
#include "r3mes/kernels.h"
#include "r3mes/optimizer.h"

namespace {

using std::vector;
using Floats = vector<float>;

const float kNaN = std::numeric_limits<float>::quiet_NaN();
const float kInfinity = std::numeric_limits<float>::infinity();

/** Three rows of four: 1 everywhere but for one value. */
Floats with(int at, float value) {
  Floats x(12, 1.0f);
  x[at] = value;
  return x;
}

void rows_of_floats() {
  vector<std::int8_t> q8(12);
  vector<std::int16_t> q16(12);
  vector<std::int32_t> e(12);
  Floats y(12), z(12), ones(12, 1.0f);
  struct Bad {
    int at;
    float value;
    const char* name;
    const char* place;
  };
  for (const Bad& bad : {Bad{6, kNaN, "NaN", "[1, 2]"}, Bad{0, kInfinity, "infinity", "[0, 0]"}, Bad{11, -kInfinity, "-infinity", "[2, 3]"}}) {
    const Floats x = with(bad.at, bad.value);
    const std::string said = std::string("x is ") + bad.name + " at " + bad.place;
    CHECK_REFUSED(r3mes_act8(q8.data(), y.data(), x.data(), 3, 4, &error), R3MES_NOT_FINITE, said);
    CHECK_REFUSED(r3mes_row16(q16.data(), e.data(), x.data(), 3, 4, &error), R3MES_NOT_FINITE, said);
    CHECK_REFUSED(r3mes_row16_columns(q16.data(), e.data(), x.data(), nullptr, 3, 4, &error), R3MES_NOT_FINITE, said);
    CHECK_REFUSED(r3mes_dot16(y.data(), x.data(), ones.data(), 3, 3, 4, &error), R3MES_NOT_FINITE, "a is", bad.place);
    CHECK_REFUSED(r3mes_dot16(y.data(), ones.data(), x.data(), 3, 3, 4, &error), R3MES_NOT_FINITE, "b is", bad.place);
    CHECK_REFUSED(r3mes_rms_norm(y.data(), z.data(), x.data(), ones.data(), 1e-5f, 3, 4, &error), R3MES_NOT_FINITE, said);
    CHECK_REFUSED(r3mes_rms_norm_backward(y.data(), x.data(), ones.data(), ones.data(), ones.data(), 3, 4, &error), R3MES_NOT_FINITE, "dy is",
                  bad.place);
  }
  for (const int n : {0, -1, (1 << 20) + 1}) {
    CHECK_REFUSED(r3mes_act8(q8.data(), y.data(), ones.data(), 1, n, &error), R3MES_BAD_SHAPE, "n is " + std::to_string(n), "expected 1 to 1048576");
    CHECK_REFUSED(r3mes_row16(q16.data(), e.data(), ones.data(), 1, n, &error), R3MES_BAD_SHAPE, "n is");
    CHECK_REFUSED(r3mes_row16_columns(q16.data(), e.data(), ones.data(), nullptr, 1, n, &error), R3MES_BAD_SHAPE, "n is");
    CHECK_REFUSED(r3mes_rms_norm(y.data(), z.data(), ones.data(), ones.data(), 1e-5f, 1, n, &error), R3MES_BAD_SHAPE, "n is");
    CHECK_REFUSED(r3mes_rms_norm_backward(y.data(), ones.data(), ones.data(), ones.data(), ones.data(), 1, n, &error), R3MES_BAD_SHAPE, "n is");
    CHECK_REFUSED(r3mes_act8(q8.data(), y.data(), ones.data(), n, 1, &error), R3MES_BAD_SHAPE, "rows is");
    CHECK_REFUSED(r3mes_row16(q16.data(), e.data(), ones.data(), n, 1, &error), R3MES_BAD_SHAPE, "rows is");
    CHECK_REFUSED(r3mes_row16_columns(q16.data(), e.data(), ones.data(), nullptr, n, 1, &error), R3MES_BAD_SHAPE, "rows is");
    CHECK_REFUSED(r3mes_rms_norm(y.data(), z.data(), ones.data(), ones.data(), 1e-5f, n, 1, &error), R3MES_BAD_SHAPE, "rows is");
    CHECK_REFUSED(r3mes_rms_norm_backward(y.data(), ones.data(), ones.data(), ones.data(), ones.data(), n, 1, &error), R3MES_BAD_SHAPE, "rows is");
    CHECK_REFUSED(r3mes_dot16(y.data(), ones.data(), ones.data(), n, 1, 1, &error), R3MES_BAD_SHAPE, "m is");
    CHECK_REFUSED(r3mes_dot16(y.data(), ones.data(), ones.data(), 1, n, 1, &error), R3MES_BAD_SHAPE, "n is");
  }
  CHECK_REFUSED(r3mes_dot16(y.data(), ones.data(), ones.data(), 1, 1, 0, &error), R3MES_BAD_SHAPE, "k is 0");
  CHECK_REFUSED(r3mes_dot16(y.data(), ones.data(), ones.data(), 1, 1, 1 << 23, &error), R3MES_BAD_SHAPE, "k is 8388608");
  // Overflow of a result, not of an input.
  const Floats huge(12, FLT_MAX);
  CHECK_REFUSED(r3mes_dot16(y.data(), huge.data(), huge.data(), 3, 3, 4, &error), R3MES_NOT_FINITE, "y is infinity at [0, 0]");
  CHECK_REFUSED(r3mes_rms_norm(y.data(), z.data(), huge.data(), ones.data(), 1e-5f, 3, 4, &error), R3MES_NOT_FINITE, "x");
  const Floats fold(3, 2.0f);
  CHECK_REFUSED(r3mes_row16_columns(q16.data(), e.data(), huge.data(), fold.data(), 3, 4, &error), R3MES_NOT_FINITE, "x is infinity at [0, 0]");
  // A null error is allowed.
  CHECK(r3mes_row16(q16.data(), e.data(), with(0, kNaN).data(), 3, 4, nullptr) == R3MES_NOT_FINITE);
}

void tables() {
  Floats c(64), s(64);
  CHECK_REFUSED(r3mes_rope_table(c.data(), s.data(), 0, 4, 10000.0, &error), R3MES_BAD_SHAPE, "positions is 0");
  CHECK_REFUSED(r3mes_rope_table(c.data(), s.data(), 4, 0, 10000.0, &error), R3MES_BAD_SHAPE, "head_size is 0");
  CHECK_REFUSED(r3mes_rope_table(c.data(), s.data(), 4, 5, 10000.0, &error), R3MES_BAD_SHAPE, "head_size is 5", "even");
  CHECK_REFUSED(r3mes_rope_table(c.data(), s.data(), 4, 4, 1.0, &error), R3MES_BAD_VALUE, "theta");
  CHECK_REFUSED(r3mes_rope_table(c.data(), s.data(), 4, 1026, 10000.0, &error), R3MES_BAD_SHAPE, "head_size is 1026");
}

void linears() {
  vector<std::int8_t> w(16, 1);
  Floats a(8, 0.1f), b(8, 0.1f), x(8, 1.0f), y(8), u(4), dx(8), da(8), db(8);
  const r3mes_linear good{w.data(), 0.5f, a.data(), b.data(), 1.0f, 4, 4, 2};
  const auto forward = [&](const r3mes_linear& l, const Floats& from, int rows, r3mes_error* error) {
    return r3mes_linear_forward(y.data(), u.data(), &l, from.data(), rows, error);
  };
  const auto backward = [&](const r3mes_linear& l, const Floats& from, int rows, r3mes_error* error) {
    return r3mes_linear_backward(dx.data(), da.data(), db.data(), &l, from.data(), x.data(), u.data(), rows, error);
  };
  CHECK_OK(forward(good, x, 2, &error));
  CHECK_OK(backward(good, x, 2, &error));
  r3mes_linear l = good;
  l.in = 1 << 17;
  CHECK_REFUSED(forward(l, x, 2, &error), R3MES_BAD_SHAPE, "in is 131072");
  l = good;
  l.out = 65794;
  CHECK_REFUSED(backward(l, x, 2, &error), R3MES_BAD_SHAPE, "out is 65794");
  l = good;
  l.rank = 4097;
  CHECK_REFUSED(forward(l, x, 2, &error), R3MES_BAD_SHAPE, "rank is 4097");
  CHECK_REFUSED(forward(good, x, 0, &error), R3MES_BAD_SHAPE, "rows is 0");
  CHECK_REFUSED(backward(good, x, -1, &error), R3MES_BAD_SHAPE, "rows is -1");
  Floats bad = x;
  bad[5] = kNaN;
  CHECK_REFUSED(forward(good, bad, 2, &error), R3MES_NOT_FINITE, "x is NaN at [1, 1]");
  CHECK_REFUSED(backward(good, bad, 2, &error), R3MES_NOT_FINITE, "dy is NaN at [1, 1]");
  Floats bad_a = a, bad_b = b;
  bad_a[6] = -kInfinity;
  bad_b[3] = kNaN;
  l = good;
  l.a = bad_a.data();
  CHECK_REFUSED(forward(l, x, 2, &error), R3MES_NOT_FINITE, "lora_A is -infinity at [1, 2]");
  l = good;
  l.b = bad_b.data();
  CHECK_REFUSED(backward(l, x, 2, &error), R3MES_NOT_FINITE, "lora_B is NaN at [1, 1]");
  vector<std::int8_t> two = w;
  two[7] = 2;
  l = good;
  l.w = two.data();
  CHECK_REFUSED(forward(l, x, 2, &error), R3MES_BAD_VALUE, "w is 2 at [1, 3]");
}

void attention_and_head() {
  const int d = 4;
  Floats q(12, 1.0f), o(12), m(3), inverse(3), dq(12), dk(12), dv(12);
  const auto run = [&](const Floats& a, const Floats& b, const Floats& c, int tokens, int size, r3mes_error* error) {
    return r3mes_attention(o.data(), m.data(), inverse.data(), a.data(), b.data(), c.data(), tokens, size, error);
  };
  CHECK_OK(run(q, q, q, 3, d, &error));
  CHECK_REFUSED(run(q, q, q, 0, d, &error), R3MES_BAD_SHAPE, "tokens is 0");
  CHECK_REFUSED(run(q, q, q, 3, 1025, &error), R3MES_BAD_SHAPE, "d is 1025");
  CHECK_REFUSED(run(with(4, kNaN), q, q, 3, d, &error), R3MES_NOT_FINITE, "q is NaN at [1, 0]");
  CHECK_REFUSED(run(q, with(5, kInfinity), q, 3, d, &error), R3MES_NOT_FINITE, "k is infinity at [1, 1]");
  CHECK_REFUSED(run(q, q, with(9, -kInfinity), 3, d, &error), R3MES_NOT_FINITE, "v is -infinity at [2, 1]");
  const Floats huge(12, 0x1p100f);
  CHECK_REFUSED(run(huge, huge, q, 3, d, &error), R3MES_NOT_FINITE, "scores is infinity at [0, 0]");
  CHECK_REFUSED(r3mes_attention_backward(dq.data(), dk.data(), dv.data(), with(7, kNaN).data(), q.data(), q.data(), q.data(), o.data(),
                                         m.data(), inverse.data(), 3, d, 0, &error),
                R3MES_NOT_FINITE, "d_o is NaN at [1, 3]");

  Floats e(20, 0.5f), n(8, 1.0f), logits(10), dn(8);
  vector<std::int64_t> losses(2);
  const auto head = [&](const Floats& embedding, const Floats& rows, const vector<std::int32_t>& labels, int job_labels, r3mes_error* error) {
    return r3mes_head(logits.data(), losses.data(), dn.data(), embedding.data(), rows.data(), labels.data(), job_labels, 2, 5, 4, error);
  };
  CHECK_OK(head(e, n, {0, 4}, 2, &error));
  CHECK_REFUSED(head(e, n, {0, 5}, 2, &error), R3MES_BAD_TOKEN, "label 5");
  CHECK_REFUSED(head(e, n, {-1, 0}, 2, &error), R3MES_BAD_TOKEN, "label -1");
  CHECK_REFUSED(head(e, n, {0, 4}, 0, &error), R3MES_BAD_SHAPE, "job_labels is 0");
  Floats bad = e;
  bad[13] = kNaN;
  CHECK_REFUSED(head(bad, n, {0, 4}, 2, &error), R3MES_NOT_FINITE, "embedding is NaN at [3, 1]");
  bad = n;
  bad[6] = kInfinity;
  CHECK_REFUSED(head(e, bad, {0, 4}, 2, &error), R3MES_NOT_FINITE, "n is infinity at [1, 2]");
  const Floats big_e(20, 0x1p100f), big_n(8, 0x1p100f);
  CHECK_REFUSED(head(big_e, big_n, {0, 4}, 2, &error), R3MES_NOT_FINITE, "logits is infinity at [0, 0]");
  Floats far(20, 0.0f);
  far[0] = 0x1p22f;  // token 0 has the logit 2^22, the label 0: a loss of 2^22 nats
  CHECK_REFUSED(head(far, n, {0, 4}, 2, &error), R3MES_OVERFLOW, "token 1", "expected less than 2^22");
}

void optimizer() {
  Floats g(12, 0.5f), out(12), out2(12), out3(12);
  float norm = 0.0f;
  CHECK_REFUSED(r3mes_clip(out.data(), &norm, with(7, kNaN).data(), 12, 1.0f, &error), R3MES_NOT_FINITE, "gradient is NaN at [7]");
  CHECK_REFUSED(r3mes_clip(out.data(), &norm, with(3, -kInfinity).data(), 12, 1.0f, &error), R3MES_NOT_FINITE, "gradient is infinite at [3]");
  CHECK_REFUSED(r3mes_clip(out.data(), &norm, with(2, -R3MES_GRADIENT_LIMIT).data(), 12, 1.0f, &error), R3MES_OVERFLOW, "gradient is -", "[2]",
                "below 2^64");
  CHECK_OK(r3mes_clip(out.data(), &norm, with(2, std::nextafterf(R3MES_GRADIENT_LIMIT, 0.0f)).data(), 12, 1.0f, &error));
  CHECK_REFUSED(r3mes_clip(out.data(), &norm, g.data(), (std::size_t{1} << 26) + 1, 1.0f, &error), R3MES_BAD_SHAPE, "at most 2^26");
  for (const float limit : {0.0f, -1.0f, kNaN, kInfinity}) {
    CHECK_REFUSED(r3mes_clip(out.data(), &norm, g.data(), 12, limit, &error), R3MES_BAD_VALUE, "finite and greater than 0");
  }
  vector<std::int32_t> mean(12);
  const Floats nan = with(5, kNaN);
  const float* pair[] = {g.data(), nan.data()};
  CHECK_REFUSED(r3mes_trimmed_mean(mean.data(), pair, 0, 12, &error), R3MES_BAD_SHAPE, "at least one");
  CHECK_REFUSED(r3mes_trimmed_mean(mean.data(), pair, 2, 12, &error), R3MES_NOT_FINITE, "is NaN at [5]");

  const r3mes_adamw_settings good{1e-3f, 0.9f, 0.999f, 1e-8f, 0.01f};
  const auto step = [&](const r3mes_adamw_settings& s, std::uint64_t t, const Floats& p, const Floats& m, const Floats& v, const Floats& grad,
                        r3mes_error* error) {
    return r3mes_adamw(out.data(), out2.data(), out3.data(), p.data(), m.data(), v.data(), grad.data(), 12, &s, t, error);
  };
  CHECK_OK(step(good, 1, g, g, g, g, &error));
  const Floats bad = with(4, kInfinity);
  CHECK_REFUSED(step(good, 1, bad, g, g, g, &error), R3MES_NOT_FINITE, "parameters is infinite at [4]");
  CHECK_REFUSED(step(good, 1, g, bad, g, g, &error), R3MES_NOT_FINITE, "first moment is infinite at [4]");
  CHECK_REFUSED(step(good, 1, g, g, bad, g, &error), R3MES_NOT_FINITE, "second moment is infinite at [4]");
  CHECK_REFUSED(step(good, 1, g, g, g, bad, &error), R3MES_NOT_FINITE, "gradient is infinite at [4]");
  CHECK_REFUSED(step(good, 1, g, g, with(6, -1e-30f), g, &error), R3MES_BAD_VALUE, "negative at [6]");
  CHECK_REFUSED(step(good, 1, g, g, g, with(9, 1e30f), &error), R3MES_NOT_FINITE, "new second moment is infinite at [9]");
  CHECK_REFUSED(step(good, 1, g, g, with(8, 1e38f), g, &error), R3MES_NOT_FINITE, "corrected second moment is infinite at [8]");
  CHECK_REFUSED(step(good, 0, g, g, g, g, &error), R3MES_BAD_VALUE, "step");
  CHECK_REFUSED(step(good, (std::uint64_t{1} << 31) + 1, g, g, g, g, &error), R3MES_BAD_VALUE, "step");
  for (const float beta : {-0.1f, 1.0f, kNaN}) {
    CHECK_REFUSED(step({1e-3f, beta, 0.999f, 1e-8f, 0.0f}, 1, g, g, g, g, &error), R3MES_BAD_VALUE, "beta");
    CHECK_REFUSED(step({1e-3f, 0.9f, beta, 1e-8f, 0.0f}, 1, g, g, g, g, &error), R3MES_BAD_VALUE, "beta");
  }
  for (const float value : {-1.0f, kNaN, kInfinity}) {
    CHECK_REFUSED(step({value, 0.9f, 0.999f, 1e-8f, 0.0f}, 1, g, g, g, g, &error), R3MES_BAD_VALUE, "learning rate");
    CHECK_REFUSED(step({1e-3f, 0.9f, 0.999f, value, 0.0f}, 1, g, g, g, g, &error), R3MES_BAD_VALUE, "epsilon");
    CHECK_REFUSED(step({1e-3f, 0.9f, 0.999f, 1e-8f, value}, 1, g, g, g, g, &error), R3MES_BAD_VALUE, "weight decay");
  }
  CHECK_REFUSED(step({1e-3f, 0.9f, 0.999f, 0.0f, 0.0f}, 1, g, g, g, g, &error), R3MES_BAD_VALUE, "epsilon");
  for (const auto& [rank, in] : vector<std::pair<int, int>>{{0, 4}, {4097, 4}, {1, 0}, {1, 1 << 17}}) {
    CHECK_REFUSED(r3mes_initial_lora_a(out.data(), 1, rank, in, &error), R3MES_BAD_SHAPE, "lora_A is [" + std::to_string(rank));
  }
}

}  // namespace

int main() {
  rows_of_floats();
  tables();
  linears();
  attention_and_head();
  optimizer();
  return test::finish("refusals");
}

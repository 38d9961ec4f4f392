// The references themselves: the analytic gradients of ideal.h against finite differences in binary64.
#include "ideal.h"

#include <cmath>
#include <functional>
#include <vector>

#include "check.h"
#include "synthetic.h"

namespace {

using std::vector;
using test::Doubles;
using test::Ideal;
using test::Random;

Doubles doubles(Random& random, std::size_t n) { return test::widened(test::gaussians(random, n)); }

double inner(const Doubles& a, const Doubles& b) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/** Central differences of f at x, one coordinate at a time. */
Doubles differences(Doubles x, const std::function<double(const Doubles&)>& f) {
  constexpr double h = 1e-5;
  Doubles gradient;
  for (double& value : x) {
    const double at = value;
    value = at + h;
    const double above = f(x);
    value = at - h;
    const double below = f(x);
    value = at;
    gradient.push_back((above - below) / (2.0 * h));
  }
  return gradient;
}

void rms_norm() {
  Random random(91);
  const int rows = 3, n = 7;
  const Doubles x = doubles(random, rows * n), dy = doubles(random, rows * n);
  const vector<float> w = test::gaussians(random, n);
  Doubles y, rstd;
  Ideal::rms_norm(y, rstd, x, w.data(), 1e-5f, rows, n);
  CHECK_NORM(Ideal::rms_norm_backward(dy, x, w.data(), rstd, rows, n), differences(x, [&](const Doubles& at) {
               Doubles out, unused;
               Ideal::rms_norm(out, unused, at, w.data(), 1e-5f, rows, n);
               return inner(out, dy);
             }),
             1e-7);
}

void attention() {
  Random random(92);
  const int tokens = 6, d = 4, size = tokens * d;
  const Doubles q = doubles(random, size), k = doubles(random, size), v = doubles(random, size), d_o = doubles(random, size);
  Doubles o, m, inverse, dq, dk, dv;
  Ideal::attention(o, m, inverse, q, k, v, tokens, d);
  Ideal::attention_backward(dq, dk, dv, d_o, q, k, v, o, m, inverse, tokens, d);
  const auto value = [&](const Doubles& a, const Doubles& b, const Doubles& c) {
    Doubles out, x, y;
    Ideal::attention(out, x, y, a, b, c, tokens, d);
    return inner(out, d_o);
  };
  CHECK_NORM(dq, differences(q, [&](const Doubles& at) { return value(at, k, v); }), 1e-7);
  CHECK_NORM(dk, differences(k, [&](const Doubles& at) { return value(q, at, v); }), 1e-7);
  CHECK_NORM(dv, differences(v, [&](const Doubles& at) { return value(q, k, at); }), 1e-7);
}

void head() {
  Random random(93);
  const int rows = 3, vocab = 11, hidden = 5;
  const vector<float> e = test::gaussians(random, vocab * hidden);
  const vector<std::int32_t> labels{4, 0, 10};
  const Doubles n = doubles(random, rows * hidden);
  Doubles logits, losses, dn;
  Ideal::head(logits, losses, dn, e, n, labels, 8, rows, vocab, hidden);
  CHECK_NORM(dn, differences(n, [&](const Doubles& at) {
               Doubles a, l, b;
               Ideal::head(a, l, b, e, at, labels, 8, rows, vocab, hidden);
               return (l[0] + l[1] + l[2]) / 8.0;
             }),
             1e-7);
}

void linear() {
  Random random(94);
  const int rows = 4, in = 6, out = 5, rank = 2;
  vector<std::int8_t> w;
  for (int i = 0; i < in * out; ++i) w.push_back(static_cast<std::int8_t>(random.below(3) - 1));
  vector<float> a = test::gaussians(random, rank * in), b = test::gaussians(random, out * rank);
  const r3mes_linear l{w.data(), 0.7f, a.data(), b.data(), 1.5f, in, out, rank};
  const Doubles x = doubles(random, rows * in), dy = doubles(random, rows * out);
  const auto value = [&](const Doubles& at) {
    Doubles y, unused;
    Ideal::linear(y, unused, l, at, rows);
    return inner(y, dy);
  };
  Ideal::act8 = false;
  Doubles y, u, da(a.size()), db(b.size());
  Ideal::linear(y, u, l, x, rows);
  CHECK_NORM(Ideal::linear_backward(da, db, l, dy, x, u, rows), differences(x, value), 1e-7);
  // The output is linear in A and in B, which are binary32: steps of a quarter are as good as small ones.
  const auto steps = [&](vector<float>& of) {
    Doubles gradient;
    for (float& weight : of) {
      const float at = weight;
      weight = at + 0.25f;
      const double high = weight, above = value(x);
      weight = at - 0.25f;
      const double low = weight, below = value(x);
      weight = at;
      gradient.push_back((above - below) / (high - low));
    }
    return gradient;
  };
  CHECK_NORM(da, steps(a), 1e-7);
  CHECK_NORM(db, steps(b), 1e-7);
}

}  // namespace

int main() {
  rms_norm();
  attention();
  head();
  linear();
  return test::finish("ideal");
}

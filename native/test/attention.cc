// Attention and the head with its loss: bit for bit against second.h, against binary64 from the same quantised inputs,
// and against unquantised binary64 on Gaussian rows.
#include <cmath>
#include <vector>

#include "check.h"
#include "ideal.h"
#include "r3mes/kernels.h"
#include "second_operators.h"
#include "synthetic.h"

namespace {

using std::vector;
using test::Doubles;
using test::Floats;
using test::Ideal;
using test::Random;
using test::Second;

constexpr double kSameInputs = 0x1p-20, kRow16 = 0x1p-12;

struct Forward {
  Floats o, m, inverse;
};
struct Backward {
  Floats dq, dk, dv;
};

Forward forward(const Floats& q, const Floats& k, const Floats& v, int tokens, int d) {
  Forward f{Floats(q.size()), Floats(tokens), Floats(tokens)};
  CHECK_OK(r3mes_attention(f.o.data(), f.m.data(), f.inverse.data(), q.data(), k.data(), v.data(), tokens, d, &error));
  return f;
}

Backward backward(const Forward& f, const Floats& d_o, const Floats& q, const Floats& k, const Floats& v, int tokens, int d, int striped) {
  Backward b{Floats(q.size()), Floats(q.size()), Floats(q.size())};
  CHECK_OK(r3mes_attention_backward(b.dq.data(), b.dk.data(), b.dv.data(), d_o.data(), q.data(), k.data(), v.data(), f.o.data(),
                                    f.m.data(), f.inverse.data(), tokens, d, striped, &error));
  return b;
}

void check_bits(const Floats& q, const Floats& k, const Floats& v, const Floats& d_o, int tokens, int d) {
  const Forward f = forward(q, k, v, tokens, d);
  Forward f2;
  Backward b2;
  Second::attention(f2.o, f2.m, f2.inverse, q, k, v, tokens, d);
  Second::attention_backward(b2.dq, b2.dk, b2.dv, d_o, q, k, v, f2.o, f2.m, f2.inverse, tokens, d);
  CHECK(test::same(f.o, f2.o));
  CHECK(test::same(f.m, f2.m));
  CHECK(test::same(f.inverse, f2.inverse));
  for (const int striped : {0, 1}) {
    const Backward b = backward(f, d_o, q, k, v, tokens, d, striped);
    CHECK(test::same(b.dq, b2.dq));
    CHECK(test::same(b.dk, b2.dk));
    CHECK(test::same(b.dv, b2.dv));
  }
}

/** Values that row16 represents, so that quantising them again changes nothing: the same inputs for both sides. */
Floats quantised(const Floats& x, int n) {
  Floats out;
  for (int i = 0; i < static_cast<int>(x.size()) / n; ++i) {
    const test::Row16 row = test::to_row16(test::row_of(x, i, n));
    for (const std::int64_t q : row.q) out.push_back(test::rn(q, row.e));
  }
  return out;
}

/** o from the mantissas of P that the engine's own functions give, summed and divided in binary64. */
Doubles output_of_same_mantissas(const Floats& q, const Floats& k, const Floats& v, int tokens, int d) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(d));
  Floats s(static_cast<std::size_t>(tokens) * tokens);
  vector<std::int16_t> v16(v.size());
  vector<std::int32_t> ev(tokens);
  CHECK_OK(r3mes_dot16(s.data(), q.data(), k.data(), tokens, tokens, d, &error));
  CHECK_OK(r3mes_row16(v16.data(), ev.data(), v.data(), tokens, d, &error));
  Doubles o(q.size());
  for (int i = 0; i < tokens; ++i) {
    Floats w(i + 1);
    vector<std::int16_t> b(i + 1);
    std::int32_t e = 0;
    float m = -HUGE_VALF;
    double sum = 0.0;
    for (int j = 0; j <= i; ++j) m = std::fmax(m, s[i * tokens + j] * scale);
    for (int j = 0; j <= i; ++j) {
      w[j] = r3mes_exp(s[i * tokens + j] * scale - m);
      sum += r3mes_fix30(w[j]) * 0x1p-30;
      w[j] *= std::ldexp(1.0f, ev[j]);
    }
    CHECK_OK(r3mes_row16(b.data(), &e, w.data(), 1, i + 1, &error));
    for (int j = 0; j <= i; ++j) {
      for (int x = 0; x < d; ++x) o[i * d + x] += std::ldexp(static_cast<double>(b[j]), e) * v16[j * d + x] / sum;
    }
  }
  return o;
}

void attention() {
  struct Case {
    int tokens, d;
  };
  for (const Case& c : {Case{1, 8}, Case{2, 2}, Case{15, 64}, Case{64, 6}, Case{65, 10}, Case{130, 16}, Case{333, 32}}) {
    Random random(static_cast<std::uint64_t>(c.tokens) + 60);
    const std::size_t size = static_cast<std::size_t>(c.tokens) * c.d;
    Floats q = test::gaussians(random, size), k = test::gaussians(random, size), v = test::gaussians(random, size);
    const Floats d_o = test::gaussians(random, size, 0x1p-20f);
    check_bits(q, k, v, d_o, c.tokens, c.d);
    const Floats wide = test::awkward(random, c.tokens, c.d);
    check_bits(q, k, wide, d_o, c.tokens, c.d);
    check_bits(q, k, v, test::awkward(random, c.tokens, c.d), c.tokens, c.d);
    Floats sharp = q;  // scores of several hundred: all weight on few keys, exp far beyond −20
    for (float& x : sharp) x *= 200.0f;
    check_bits(sharp, k, v, d_o, c.tokens, c.d);

    const Forward f = forward(q, k, v, c.tokens, c.d);
    const Backward b = backward(f, d_o, q, k, v, c.tokens, c.d, 0);
    Doubles o, m, inverse, dq, dk, dv;
    Ideal::attention(o, m, inverse, test::widened(q), test::widened(k), test::widened(v), c.tokens, c.d);
    CHECK_NORM(f.o, o, kRow16);
    CHECK_NORM(f.inverse, inverse, kRow16);
    Ideal::attention_backward(dq, dk, dv, test::widened(d_o), test::widened(q), test::widened(k), test::widened(v), o, m, inverse, c.tokens, c.d);
    // One token: its only weight is 1, and the gradients of q and k are pure cancellation.
    if (c.tokens > 1) {
      CHECK_NORM(b.dq, dq, kRow16);
      CHECK_NORM(b.dk, dk, kRow16);
    }
    CHECK_NORM(b.dv, dv, kRow16);

    const Floats q16 = quantised(q, c.d), k16 = quantised(k, c.d);
    const Forward same = forward(q16, k16, v, c.tokens, c.d);
    Ideal::attention(o, m, inverse, test::widened(q16), test::widened(k16), test::widened(v), c.tokens, c.d);
    CHECK_NORM(same.m, m, kSameInputs);
    CHECK_NORM(same.inverse, inverse, kSameInputs);
    CHECK_NORM(same.o, output_of_same_mantissas(q16, k16, v, c.tokens, c.d), kSameInputs);
  }
}

struct Head {
  Floats logits;
  vector<std::int64_t> losses;
  Floats dn;
};

Head head(const Floats& e, const Floats& n, const vector<std::int32_t>& labels, int job_labels, int vocab, int hidden) {
  const int rows = static_cast<int>(labels.size());
  Head h{Floats(static_cast<std::size_t>(rows) * vocab), vector<std::int64_t>(rows), Floats(n.size())};
  CHECK_OK(r3mes_head(h.logits.data(), h.losses.data(), h.dn.data(), e.data(), n.data(), labels.data(), job_labels, rows, vocab, hidden, &error));
  Head h2;
  Second::head(h2.logits, h2.losses, h2.dn, e, n, labels, job_labels, rows, vocab, hidden);
  CHECK(test::same(h.logits, h2.logits));
  CHECK(h.losses == h2.losses);
  CHECK(test::same(h.dn, h2.dn));
  return h;
}

Doubles nats(const vector<std::int64_t>& losses) {
  Doubles out;
  for (const std::int64_t loss : losses) out.push_back(static_cast<double>(loss) * 0x1p-20);
  return out;
}

void heads() {
  struct Case {
    int rows, vocab, hidden;
  };
  for (const Case& c : {Case{1, 1, 4}, Case{5, 301, 72}, Case{33, 1030, 24}, Case{9, 4100, 40}}) {
    Random random(static_cast<std::uint64_t>(c.vocab) + 70);
    const Floats n = test::gaussians(random, static_cast<std::size_t>(c.rows) * c.hidden);
    const Floats e = test::gaussians(random, static_cast<std::size_t>(c.vocab) * c.hidden, 0.3f);
    const vector<std::int32_t> labels = test::random_tokens(random, c.rows, c.vocab);
    Floats wide = test::awkward(random, c.vocab, c.hidden);
    for (float& x : wide) x = std::fabs(x) > 1e6f ? x * 0x1p-60f : x;  // losses stay below 2^22
    head(wide, n, labels, 77, c.vocab, c.hidden);

    const Head h = head(e, n, labels, 77, c.vocab, c.hidden);
    Doubles logits, losses, dn;
    Ideal::head(logits, losses, dn, e, test::widened(n), labels, 77, c.rows, c.vocab, c.hidden);
    CHECK_NORM(h.logits, logits, kRow16);
    if (c.vocab > 1) {
      CHECK_NORM(nats(h.losses), losses, kRow16);
      CHECK_NORM(h.dn, dn, kRow16);
    } else {
      CHECK(h.losses[0] == 0);
      CHECK_AT_MOST(std::fabs(static_cast<double>(h.dn[0])), 1e-5);
    }
    const Floats n16 = quantised(n, c.hidden), e16 = quantised(e, c.hidden);
    const Head same = head(e16, n16, labels, 77, c.vocab, c.hidden);
    Ideal::head(logits, losses, dn, e16, test::widened(n16), labels, 77, c.rows, c.vocab, c.hidden);
    CHECK_NORM(same.logits, logits, kSameInputs);
    if (c.vocab > 1) CHECK_NORM(nats(same.losses), losses, kSameInputs);
  }
}

}  // namespace

int main() {
  attention();
  heads();
  return test::finish("attention");
}

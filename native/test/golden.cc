// Prints one line `name sha256` for every golden case. The same lines come from every compiler, optimisation level, number
// of threads and micro-batch size: they stand in test/vectors/arithmetic.
//
//   golden [threads] [micro_batch] [file]    with a file: fails where the lines are not exactly those of the file
#include <cstdlib>
#include <string>

#include "r3mes/kernels.h"
#include "r3mes/optimizer.h"
#include "sha256.h"
#include "steps.h"
#include "synthetic.h"

namespace {

using test::Random;
using test::require;
using test::Sha256;
using std::vector;

int threads = 1;
int micro_batch = 1;

test::GoldenLines lines;

void line(const char* name, Sha256& hash) { lines.add(name, hash); }

void elementary() {
  vector<float> e, l;
  vector<std::int32_t> w;
  for (int i = 0; i <= 4200; ++i) e.push_back(r3mes_exp(static_cast<float>(-i) * 0.005f));
  for (int i = 0; i <= 4096; ++i) l.push_back(r3mes_log(1.0f + static_cast<float>(i) * static_cast<float>(i) * 0.37f));
  for (int i = 0; i <= 4096; ++i) w.push_back(r3mes_fix30(static_cast<float>(i) * (i % 3 == 0 ? 0x1p-12f : i % 3 == 1 ? 0x1.8p-24f : 0x1.4p-31f)));
  Sha256 hash;
  line("elementary", hash.values(e).values(l).values(w));
}

void tables() {
  Sha256 hash;
  struct Case {
    int positions, head;
    double theta;
  };
  for (const Case& c : {Case{4096, 32, 10000.0}, Case{300, 128, 500000.0}, Case{64, 12, 10000.0}}) {
    vector<float> cosine(static_cast<std::size_t>(c.positions) * c.head / 2), sine(cosine.size());
    r3mes_error error;
    require(r3mes_rope_table(cosine.data(), sine.data(), c.positions, c.head, c.theta, &error), error);
    hash.values(cosine).values(sine);
  }
  line("rope-tables", hash);
}

void quantizers() {
  Random random(11);
  Sha256 h8, h16;
  for (const int n : {1, 2, 7, 8, 31, 64, 257, 1000}) {
    const int rows = 17;
    const vector<float> x = test::awkward(random, rows, n);
    r3mes_error error;
    vector<std::int8_t> q8(x.size());
    vector<float> scale(rows);
    require(r3mes_act8(q8.data(), scale.data(), x.data(), rows, n, &error), error);
    h8.values(q8).values(scale);
    vector<std::int16_t> q16(x.size());
    vector<std::int32_t> e(rows), e_columns(n);
    require(r3mes_row16(q16.data(), e.data(), x.data(), rows, n, &error), error);
    h16.values(q16).values(e);
    vector<float> fold(rows);
    for (int i = 0; i < rows; ++i) fold[i] = i % 2 == 0 ? 0x1p-20f : 0x1p-5f;
    for (const float* f : {static_cast<const float*>(nullptr), static_cast<const float*>(fold.data())}) {
      require(r3mes_row16_columns(q16.data(), e_columns.data(), x.data(), f, rows, n, &error), error);
      h16.values(q16).values(e_columns);
    }
  }
  line("act8", h8);
  line("row16", h16);
}

void products() {
  Random random(12);
  Sha256 hash;
  for (const int k : {1, 3, 8, 40, 511, 513, 1030, 5000}) {
    const int m = 9, n = 11;
    vector<float> a = test::awkward(random, m, k), b = test::awkward(random, n, k), y(m * n);
    for (int i = 0; i < k; ++i) a[8 * k + i] = b[10 * k + i] = 32639.0f;  // the largest mantissas there are
    r3mes_error error;
    require(r3mes_dot16(y.data(), a.data(), b.data(), m, n, k, &error), error);
    hash.values(y);
  }
  line("dot16", hash);
}

void rms() {
  Random random(13);
  Sha256 hash;
  for (const int n : {1, 5, 72, 256, 1040}) {
    const int rows = 9;
    vector<float> x = test::awkward(random, rows, n), dy = test::gaussians(random, x.size(), 0x1p-20f), w = test::gaussians(random, n);
    for (int c = 0; c < n; ++c) x[3 * n + c] *= 0x1p-10f;
    vector<float> y(x.size()), dx(x.size()), rstd(rows);
    r3mes_error error;
    require(r3mes_rms_norm(y.data(), rstd.data(), x.data(), w.data(), 1e-5f, rows, n, &error), error);
    require(r3mes_rms_norm_backward(dx.data(), dy.data(), x.data(), w.data(), rstd.data(), rows, n, &error), error);
    hash.values(y).values(rstd).values(dx);
  }
  line("rms-norm", hash);
}

void linears() {
  Random random(14);
  Sha256 hash;
  struct Case {
    int rows, in, out, rank;
  };
  for (const Case& c : {Case{1, 8, 4, 0}, Case{13, 72, 36, 5}, Case{300, 188, 72, 1}, Case{70, 600, 520, 16}, Case{5, 33, 7, 3}}) {
    vector<std::int8_t> w(static_cast<std::size_t>(c.in) * c.out);
    for (std::int8_t& weight : w) weight = static_cast<std::int8_t>(random.below(3) - 1);
    const vector<float> a = test::gaussians(random, static_cast<std::size_t>(c.rank) * c.in, 0.1f);
    vector<float> b = test::gaussians(random, static_cast<std::size_t>(c.rank) * c.out, 0.1f);
    for (int j = 0; j < c.rank; ++j) b[j] = 0.0f;  // a row of B that is zero
    const vector<float> x = test::awkward(random, c.rows, c.in);
    vector<float> dy = test::gaussians(random, static_cast<std::size_t>(c.rows) * c.out, 0x1p-15f);
    for (int o = 0; o < c.out; ++o) dy[static_cast<std::size_t>(c.rows - 1) * c.out + o] = 0.0f;
    vector<float> y(dy.size()), dx(x.size()), u(static_cast<std::size_t>(c.rows) * c.rank), da(a.size()), db(b.size());
    const r3mes_linear linear{w.data(), 0.0371f, c.rank == 0 ? nullptr : a.data(), c.rank == 0 ? nullptr : b.data(), 1.75f,
                              c.in,     c.out,   c.rank};
    r3mes_error error;
    require(r3mes_linear_forward(y.data(), u.data(), &linear, x.data(), c.rows, &error), error);
    require(r3mes_linear_backward(dx.data(), da.data(), db.data(), &linear, dy.data(), x.data(), u.data(), c.rows, &error), error);
    hash.values(y).values(u).values(dx).values(da).values(db);
  }
  line("linear", hash);
}

void attention() {
  Random random(15);
  for (const bool striped : {false, true}) {
    Sha256 hash;
    struct Case {
      int tokens, d;
    };
    for (const Case& c : {Case{1, 8}, Case{2, 2}, Case{37, 12}, Case{130, 16}, Case{530, 32}}) {
      Random own(static_cast<std::uint64_t>(c.tokens));
      const std::size_t size = static_cast<std::size_t>(c.tokens) * c.d;
      const vector<float> q = test::gaussians(own, size), k = test::gaussians(own, size);
      vector<float> v = test::gaussians(own, size), d_o = test::gaussians(own, size, 0x1p-20f);
      for (int i = 0; i < c.d; ++i) {
        v[static_cast<std::size_t>(c.tokens / 2) * c.d + i] = 0.0f;
        d_o[static_cast<std::size_t>(c.tokens / 3) * c.d + i] = 0.0f;
      }
      vector<float> o(size), m(c.tokens), inverse(c.tokens), dq(size), dk(size), dv(size);
      r3mes_error error;
      require(r3mes_attention(o.data(), m.data(), inverse.data(), q.data(), k.data(), v.data(), c.tokens, c.d, &error), error);
      require(r3mes_attention_backward(dq.data(), dk.data(), dv.data(), d_o.data(), q.data(), k.data(), v.data(), o.data(), m.data(),
                                       inverse.data(), c.tokens, c.d, striped ? 1 : 0, &error),
              error);
      hash.values(o).values(m).values(inverse).values(dq).values(dk).values(dv);
    }
    line(striped ? "attention-striped" : "attention", hash);
  }
}

void heads() {
  Random random(16);
  Sha256 hash;
  struct Case {
    int rows, vocab, hidden;
  };
  for (const Case& c : {Case{1, 1, 4}, Case{5, 301, 72}, Case{33, 1030, 24}}) {
    vector<float> e = test::gaussians(random, static_cast<std::size_t>(c.vocab) * c.hidden, 0.3f);
    for (int i = 0; i < c.hidden; ++i) e[i] = 0.0f;
    const vector<float> n = test::gaussians(random, static_cast<std::size_t>(c.rows) * c.hidden);
    const vector<std::int32_t> labels = test::random_tokens(random, c.rows, c.vocab);
    vector<float> logits(static_cast<std::size_t>(c.rows) * c.vocab), dn(n.size());
    vector<std::int64_t> losses(c.rows);
    r3mes_error error;
    require(r3mes_head(logits.data(), losses.data(), dn.data(), e.data(), n.data(), labels.data(), 77, c.rows, c.vocab, c.hidden, &error),
            error);
    hash.values(logits).values(losses).values(dn);
  }
  line("head", hash);
}

void initial() {
  vector<float> a(8 * 256);
  r3mes_error error;
  require(r3mes_initial_lora_a(a.data(), 0x0123456789abcdefu, 8, 256, &error), error);
  Sha256 hash;
  line("initial-lora-a", hash.values(a));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) threads = std::atoi(argv[1]);
  if (argc > 2) micro_batch = std::atoi(argv[2]);
  elementary();
  tables();
  quantizers();
  products();
  rms();
  linears();
  attention();
  heads();
  initial();
  for (const test::StepCase& c : test::kStepCases) {
    Sha256 hash = test::step_hash(c, test::cpu_backend(threads, micro_batch));
    line(c.name, hash);
  }
  return argc > 3 ? lines.compare(argv[3]) : 0;
}

// Products and norms: dot16, RMSNorm, linear layers with LoRA. Each is compared bit for bit with second.h on awkward
// rows, with binary64 sums of the same quantised inputs (2^-20), and with unquantised binary64 on Gaussian rows.
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

constexpr double kSameInputs = 0x1p-20, kRow16 = 0x1p-12, kBitLinear = 0x1p-6;

/** The values that the engine's own row16 stands for. */
Doubles dequantised(const Floats& x, int rows) {
  const int n = static_cast<int>(x.size()) / rows;
  vector<std::int16_t> q(x.size());
  vector<std::int32_t> e(rows);
  CHECK_OK(r3mes_row16(q.data(), e.data(), x.data(), rows, n, &error));
  Doubles out(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = std::ldexp(static_cast<double>(q[i]), e[i / n]);
  return out;
}

Doubles products_of(const Doubles& a, const Doubles& b, int m, int n, int k) {
  Doubles y(static_cast<std::size_t>(m) * n);
  for (int i = 0; i < m; ++i) {
    for (int j = 0; j < n; ++j) {
      for (int c = 0; c < k; ++c) y[i * n + j] += a[static_cast<std::size_t>(i) * k + c] * b[static_cast<std::size_t>(j) * k + c];
    }
  }
  return y;
}

void dot16() {
  Random random(51);
  for (const int k : {1, 7, 8, 63, 512, 513, 1100, 9000}) {
    const int m = 9, n = 11;
    const auto run = [&](const Floats& a, const Floats& b) {
      Floats y(m * n);
      CHECK_OK(r3mes_dot16(y.data(), a.data(), b.data(), m, n, k, &error));
      return y;
    };
    const Floats a = test::gaussians(random, m * k), b = test::gaussians(random, n * k);
    CHECK_NORM(run(a, b), products_of(dequantised(a, m), dequantised(b, n), m, n, k), kSameInputs);
    CHECK_NORM(run(a, b), products_of(test::widened(a), test::widened(b), m, n, k), kRow16);
    Floats c = test::awkward(random, m, k), d = test::awkward(random, n, k);
    for (int i = 0; i < k; ++i) c[8 * k + i] = d[10 * k + i] = 32639.0f;  // the largest sum there is
    const Floats y = run(c, d);
    int wrong = 0;
    for (int i = 0; i < m; ++i) {
      for (int j = 0; j < n; ++j) wrong += y[i * n + j] == test::dot(test::to_row16(test::row_of(c, i, k)), test::to_row16(test::row_of(d, j, k))) ? 0 : 1;
    }
    CHECK(wrong == 0);
  }
  // A result that is subnormal is rounded once: (2^11 + 1)·2^-160 lies above the middle of 2^-149 and 0, and 3·2^-150 ties to 2·2^-149.
  float y = 0.0f;
  const float a = 2049.0f * 0x1p-80f, b = 0x1p-80f, three = 3.0f * 0x1p-70f;
  CHECK_OK(r3mes_dot16(&y, &a, &b, 1, 1, 1, &error));
  CHECK(y == 0x1p-149f);
  CHECK_OK(r3mes_dot16(&y, &three, &b, 1, 1, 1, &error));
  CHECK(y == 0x1p-148f);
}

/** Mantissas whose slices are as large as they get, of every sign, at lengths around the blocks of the inner loops. */
void dot16_extremes() {
  const float extremes[] = {32639.0f, 32384.0f, -32640.0f + 1.0f, -32384.0f, 32511.0f, -128.0f, 127.0f};
  for (const int k : {1, 8, 255, 256, 257, 512, 513, 1000, 16384, 16385, 20000}) {
    for (int pattern = 0; pattern < 8; ++pattern) {
      constexpr int kRows = 7, kColumns = 33;
      Floats a(static_cast<std::size_t>(kRows) * k), b(static_cast<std::size_t>(kColumns) * k);
      for (std::size_t i = 0; i < a.size(); ++i) a[i] = i % k == 0 ? 32639.0f : extremes[(pattern < 7 ? pattern : i * 5 + i / k) % 7];
      for (std::size_t i = 0; i < b.size(); ++i) b[i] = i % k == 0 ? -32639.0f : extremes[(pattern < 7 ? (pattern + i / k) : i * 3) % 7];
      Floats y(static_cast<std::size_t>(kRows) * kColumns), expected(y.size());
      CHECK_OK(r3mes_dot16(y.data(), a.data(), b.data(), kRows, kColumns, k, &error));
      for (int i = 0; i < kRows; ++i) {
        for (int j = 0; j < kColumns; ++j) {
          std::int64_t sum = 0;
          for (int t = 0; t < k; ++t) sum += static_cast<std::int64_t>(a[static_cast<std::size_t>(i) * k + t]) * static_cast<std::int64_t>(b[static_cast<std::size_t>(j) * k + t]);
          expected[static_cast<std::size_t>(i) * kColumns + j] = static_cast<float>(sum);
        }
      }
      CHECK(test::same(y, expected));
    }
  }
}

void rms_norm() {
  Random random(52);
  for (const int n : {1, 5, 72, 256, 1040}) {
    const int rows = 16;
    const auto check = [&](const Floats& x, const Floats& dy, const Floats& w, bool gaussian) {
      Floats y(x.size()), rstd(rows), dx(x.size()), y2, rstd2;
      CHECK_OK(r3mes_rms_norm(y.data(), rstd.data(), x.data(), w.data(), 1e-5f, rows, n, &error));
      CHECK_OK(r3mes_rms_norm_backward(dx.data(), dy.data(), x.data(), w.data(), rstd.data(), rows, n, &error));
      Second::rms_norm(y2, rstd2, x, w.data(), 1e-5f, rows, n);
      CHECK(test::same(y, y2));
      CHECK(test::same(rstd, rstd2));
      CHECK(test::same(dx, Second::rms_norm_backward(dy, x, w.data(), rstd, rows, n)));
      if (!gaussian) return;
      Doubles y3, rstd3, same_rstd(rows);
      const Doubles q = dequantised(x, rows);
      for (int i = 0; i < rows; ++i) {
        double squares = 0.0;
        for (int c = 0; c < n; ++c) squares += q[i * n + c] * q[i * n + c];
        same_rstd[i] = 1.0 / std::sqrt(squares / n + 1e-5f);
      }
      CHECK_NORM(rstd, same_rstd, kSameInputs);
      Ideal::rms_norm(y3, rstd3, test::widened(x), w.data(), 1e-5f, rows, n);
      CHECK_NORM(y, y3, kRow16);
      // n = 1 leaves a gradient that is nothing but cancellation.
      if (n > 1) CHECK_NORM(dx, Ideal::rms_norm_backward(test::widened(dy), test::widened(x), w.data(), rstd3, rows, n), kRow16);
    };
    const Floats w = test::gaussians(random, n);
    Floats x = test::awkward(random, rows, n);
    for (int i = 0; i < rows; ++i) {
      for (int c = 0; c < n; ++c) x[i * n + c] *= i % 8 == 3 ? 0x1p-10f : 1.0f;  // 2^60 squared would leave binary32's range
    }
    check(x, test::gaussians(random, x.size(), 0x1p-20f), w, false);
    check(test::gaussians(random, x.size()), test::gaussians(random, x.size(), 0x1p-20f), w, true);
  }
}

struct Shape {
  int rows, in, out, rank;
};

struct LinearCase {
  Shape s;
  vector<std::int8_t> w;
  Floats a, b;
  r3mes_linear linear;

  LinearCase(const Shape& shape, Random& random) : s(shape), w(static_cast<std::size_t>(shape.in) * shape.out) {
    for (std::int8_t& weight : w) weight = static_cast<std::int8_t>(random.below(3) - 1);
    a = test::gaussians(random, static_cast<std::size_t>(s.rank) * s.in, 0.1f);
    b = test::gaussians(random, static_cast<std::size_t>(s.rank) * s.out, 0.1f);
    linear = {w.data(), 0.0371f, s.rank == 0 ? nullptr : a.data(), s.rank == 0 ? nullptr : b.data(), 1.75f, s.in, s.out, s.rank};
  }
  LinearCase(const LinearCase&) = delete;
  LinearCase& operator=(const LinearCase&) = delete;
};

struct LinearResult {
  Floats y, u, dx, da, db;
};

LinearResult run(const LinearCase& c, const Floats& x, const Floats& dy) {
  LinearResult r{Floats(dy.size()), Floats(static_cast<std::size_t>(c.s.rows) * c.s.rank), Floats(x.size()), Floats(c.a.size()), Floats(c.b.size())};
  CHECK_OK(r3mes_linear_forward(r.y.data(), r.u.data(), &c.linear, x.data(), c.s.rows, &error));
  CHECK_OK(r3mes_linear_backward(r.dx.data(), r.da.data(), r.db.data(), &c.linear, dy.data(), x.data(), r.u.data(), c.s.rows, &error));
  return r;
}

/** The base product from the engine's own act8, summed in binary64. */
void check_base(const LinearCase& c, const Floats& x, const Floats& y, const Floats& dy, const Floats& dx) {
  vector<std::int8_t> q(x.size());
  Floats scale(c.s.rows);
  CHECK_OK(r3mes_act8(q.data(), scale.data(), x.data(), c.s.rows, c.s.in, &error));
  Doubles act8(x.size()), w(c.w.begin(), c.w.end()), transposed(w.size());
  for (std::size_t i = 0; i < x.size(); ++i) act8[i] = static_cast<double>(q[i]) * scale[i / c.s.in] * c.linear.scale;
  CHECK_NORM(y, products_of(act8, w, c.s.rows, c.s.out, c.s.in), kSameInputs);
  for (int o = 0; o < c.s.out; ++o) {
    for (int i = 0; i < c.s.in; ++i) transposed[static_cast<std::size_t>(i) * c.s.out + o] = w[static_cast<std::size_t>(o) * c.s.in + i] * c.linear.scale;
  }
  CHECK_NORM(dx, products_of(dequantised(dy, c.s.rows), transposed, c.s.rows, c.s.in, c.s.out), kSameInputs);
}

void linear() {
  Random random(53);
  for (const Shape& s : {Shape{1, 8, 4, 0}, Shape{13, 72, 36, 5}, Shape{300, 188, 72, 1}, Shape{70, 600, 520, 16}, Shape{5, 33, 7, 3}, Shape{40, 64, 100, 0}}) {
    const LinearCase c(s, random);
    const auto both = [&](const Floats& x, const Floats& dy) {
      const LinearResult r = run(c, x, dy);
      LinearResult r2;
      r2.da.resize(c.a.size());
      r2.db.resize(c.b.size());
      Second::linear(r2.y, r2.u, c.linear, x, s.rows);
      r2.dx = Second::linear_backward(r2.da, r2.db, c.linear, dy, x, r2.u, s.rows);
      CHECK(test::same(r.y, r2.y));
      CHECK(test::same(r.u, r2.u));
      CHECK(test::same(r.dx, r2.dx));
      CHECK(test::same(r.da, r2.da));
      CHECK(test::same(r.db, r2.db));
      return r;
    };
    both(test::awkward(random, s.rows, s.in), test::awkward(random, s.rows, s.out));
    const Floats x = test::gaussians(random, static_cast<std::size_t>(s.rows) * s.in);
    const Floats dy = test::gaussians(random, static_cast<std::size_t>(s.rows) * s.out, 0x1p-15f);
    const LinearResult r = both(x, dy);
    Doubles y, u, da(r.da.size()), db(r.db.size());
    Ideal::act8 = false;
    Ideal::linear(y, u, c.linear, test::widened(x), s.rows);
    const Doubles dx = Ideal::linear_backward(da, db, c.linear, test::widened(dy), test::widened(x), u, s.rows);
    CHECK_NORM(r.y, y, kBitLinear);
    CHECK_NORM(r.dx, dx, kRow16);
    if (s.rank == 0) {
      check_base(c, x, r.y, dy, r.dx);
      continue;
    }
    Doubles same_u = products_of(dequantised(x, s.rows), dequantised(c.a, s.rank), s.rows, s.rank, s.in);
    CHECK_NORM(r.u, same_u, kSameInputs);
    CHECK_NORM(r.u, u, kRow16);
    CHECK_NORM(r.da, da, kRow16);
    CHECK_NORM(r.db, db, kRow16);
  }
}

/** With W = 0 a layer is its LoRA alone, so that its output is held by row16's bound. */
void lora_alone() {
  Random random(54);
  LinearCase c({40, 128, 96, 8}, random);
  std::fill(c.w.begin(), c.w.end(), std::int8_t{0});
  const Floats x = test::gaussians(random, 40 * 128), dy = test::gaussians(random, 40 * 96);
  const LinearResult r = run(c, x, dy);
  Doubles y, u, da(r.da.size()), db(r.db.size());
  Ideal::linear(y, u, c.linear, test::widened(x), 40);
  CHECK_NORM(r.y, y, kRow16);
  CHECK_NORM(r.dx, Ideal::linear_backward(da, db, c.linear, test::widened(dy), test::widened(x), u, 40), kRow16);
}

}  // namespace

int main() {
  dot16();
  dot16_extremes();
  rms_norm();
  linear();
  lora_alone();
  return test::finish("products");
}

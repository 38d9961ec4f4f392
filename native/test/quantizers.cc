// Properties of act8 and row16 that docs/arithmetic.md §1 states, on ordinary and on extreme rows; bit for bit against
// second.h besides.
#include <cfloat>
#include <cmath>
#include <vector>

#include "check.h"
#include "r3mes/kernels.h"
#include "second.h"
#include "synthetic.h"

namespace {

using std::vector;
using test::Floats;

struct Rows {
  vector<std::int16_t> q;
  vector<std::int32_t> e;
};

Rows row16(const Floats& x, int rows) {
  Rows r{vector<std::int16_t>(x.size()), vector<std::int32_t>(rows)};
  CHECK_OK(r3mes_row16(r.q.data(), r.e.data(), x.data(), rows, static_cast<int>(x.size()) / rows, &error));
  return r;
}

void check_row16(const Floats& x, int rows) {
  const int n = static_cast<int>(x.size()) / rows;
  const Rows r = row16(x, rows);
  int wrong = 0;
  for (int i = 0; i < rows; ++i) {
    const test::Row16 second = test::to_row16(test::row_of(x, i, n));
    if (r.e[i] != second.e || r.e[i] < -126 || r.e[i] > 114) ++wrong;
    for (int k = 0; k < n; ++k) {
      const int q = r.q[i * n + k];
      const double exact = static_cast<double>(x[i * n + k]), unit = std::ldexp(1.0, r.e[i]);
      // Within the slices' range, half a unit away at most, and the same integer as the plain definition gives.
      if (q != second.q[k] || std::abs(q) > 32639 || std::fabs(exact - q * unit) > unit / 2) ++wrong;
    }
  }
  CHECK(wrong == 0);
}

void row16_properties() {
  test::Random random(41);
  for (const int n : {1, 2, 7, 8, 9, 63, 64, 65, 700}) check_row16(test::awkward(random, 16, n), 16);
  // Every exponent that a float has, around powers of two and around the largest mantissa.
  for (int e = -149; e <= 127; ++e) {
    Floats x;
    const float p = std::ldexp(1.0f, e);
    for (const float f : {1.0f, 0x1.fdfep-1f, 0x1.fdfffep-1f, 0x1.fefffep-1f, 0x1.fep-1f, 0x1.fe0002p-1f, 0x1.fffffep-1f, 0x1.8p0f}) {
      x = {p * f, -p * f / 3.0f, p * f / 1000.0f, 0.0f};
      if (std::isfinite(x[0])) check_row16(x, 1);
    }
  }
  const Rows zeros = row16(Floats(24, -0.0f), 3);
  CHECK(zeros.e == vector<std::int32_t>(3, -126));
  CHECK(zeros.q == vector<std::int16_t>(24, 0));
  // Ties go to the even mantissa: with 16384 in the row, e = 0.
  const Rows ties = row16({16384.0f, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 0x1.fffffep-2f, 0x1.000002p-1f}, 1);
  CHECK(ties.e[0] == 0);
  CHECK((ties.q == vector<std::int16_t>{16384, 0, 2, 2, 0, -2, -2, 0, 1}));
  // 32639.5 would round to 32640, which no int8 can slice: the exponent grows.
  CHECK(row16({32639.0f}, 1).e[0] == 0);
  CHECK(row16({32639.49f}, 1).q[0] == 32639);
  CHECK(row16({32639.5f}, 1).e[0] == 1);
  CHECK(row16({FLT_MAX}, 1).e[0] == 114);
  CHECK(row16({FLT_MIN}, 1).e[0] == -126);
  CHECK(row16({0x1p-149f}, 1).q[0] == 0);
}

void columns() {
  test::Random random(42);
  for (const int rows : {1, 3, 16, 17, 40}) {
    for (const int n : {1, 5, 64, 65, 130}) {
      const Floats x = test::awkward(random, rows, n);
      Floats fold(rows);
      for (float& f : fold) f = std::ldexp(1.0f, random.below(60) - 40);
      for (const bool with_fold : {false, true}) {
        vector<std::int16_t> q(x.size());
        vector<std::int32_t> e(n);
        CHECK_OK(r3mes_row16_columns(q.data(), e.data(), x.data(), with_fold ? fold.data() : nullptr, rows, n, &error));
        int wrong = 0;
        for (int c = 0; c < n; ++c) {
          Floats column(rows);
          for (int t = 0; t < rows; ++t) column[t] = with_fold ? x[t * n + c] * fold[t] : x[t * n + c];
          const test::Row16 second = test::to_row16(column);
          if (e[c] != second.e) ++wrong;
          for (int t = 0; t < rows; ++t) wrong += q[c * rows + t] != second.q[t] ? 1 : 0;
        }
        CHECK(wrong == 0);
      }
    }
  }
}

void check_act8(const Floats& x, int rows) {
  const int n = static_cast<int>(x.size()) / rows;
  vector<std::int8_t> q(x.size());
  Floats scale(rows);
  CHECK_OK(r3mes_act8(q.data(), scale.data(), x.data(), rows, n, &error));
  int wrong = 0;
  for (int i = 0; i < rows; ++i) {
    vector<std::int64_t> second;
    if (scale[i] != test::to_act8(test::row_of(x, i, n), second)) ++wrong;
    double largest = 1e-5f;
    for (int k = 0; k < n; ++k) largest = std::fmax(largest, std::fabs(static_cast<double>(x[i * n + k])));
    for (int k = 0; k < n; ++k) {
      const double exact = x[i * n + k] * 127.0 / largest;
      // The same integer; at most half a step away, but for the rounding of s and of the product.
      if (q[i * n + k] != second[k] || std::fabs(exact - q[i * n + k]) > 0.5 + 127 * 0x1p-22) ++wrong;
    }
  }
  CHECK(wrong == 0);
}

void act8_properties() {
  test::Random random(43);
  for (const int n : {1, 2, 8, 9, 300}) check_act8(test::awkward(random, 16, n), 16);
  for (int e = -149; e <= 127; ++e) {
    const float p = std::ldexp(1.0f, e);
    check_act8({p, -p, p / 3.0f, -p / 254.0f, 0.0f, -0.0f}, 1);
  }
  check_act8({FLT_MAX, -FLT_MAX, FLT_MIN, 0x1p-149f}, 1);
  vector<std::int8_t> q(6);
  float scale = 0.0f;
  // absmax 127 gives s = 1, so that halves are exact ties.
  const Floats ties{127.0f, 0.5f, 1.5f, -0.5f, -2.5f, -127.0f};
  CHECK_OK(r3mes_act8(q.data(), &scale, ties.data(), 1, 6, &error));
  CHECK(scale == 1.0f);
  CHECK((q == vector<std::int8_t>{127, 0, 2, 0, -2, -127}));
  const Floats tiny(6, 1e-6f);
  CHECK_OK(r3mes_act8(q.data(), &scale, tiny.data(), 1, 6, &error));
  CHECK((q == vector<std::int8_t>(6, 13)));  // below 1e-5 the scale stays that of 1e-5
}

}  // namespace

int main() {
  row16_properties();
  columns();
  act8_properties();
  return test::finish("quantizers");
}

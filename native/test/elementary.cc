// exp, log, fix30 and the RoPE tables: against the library's functions in binary64, and bit for bit against second.h.
#include <cmath>
#include <vector>

#include "check.h"
#include "r3mes/kernels.h"
#include "second.h"
#include "synthetic.h"

namespace {

void exponential() {
  double worst = 0.0;
  int wrong = 0;
  for (int i = 0; i <= 400000; ++i) {
    const float t = static_cast<float>(i) * -5e-5f;
    const double exact = std::exp(static_cast<double>(t));
    worst = std::fmax(worst, std::fabs(r3mes_exp(t) - exact) / exact);
    wrong += r3mes_exp(t) == test::exp_of(t) ? 0 : 1;
  }
  CHECK(wrong == 0);
  CHECK_AT_MOST(worst, 0x1p-22);
  CHECK(r3mes_exp(0.0f) == 1.0f);
  CHECK(r3mes_exp(-0.0f) == 1.0f);
  CHECK(r3mes_exp(-0x1p-149f) == 1.0f);
  CHECK(r3mes_exp(-20.0f) > 0.0f);
  CHECK(r3mes_exp(std::nextafterf(-20.0f, -21.0f)) == 0.0f);
  for (const float t : {-21.0f, -1e4f, -1e30f, -3.4e38f, -HUGE_VALF}) CHECK(r3mes_exp(t) == 0.0f && !std::signbit(r3mes_exp(t)));
}

void logarithm() {
  double worst = 0.0;
  int wrong = 0;
  const auto look = [&](float x) {
    const double exact = std::log(static_cast<double>(x));
    worst = std::fmax(worst, std::fabs(r3mes_log(x) - exact) / std::fmax(exact, 0x1p-23));
    wrong += r3mes_log(x) == test::log_of(x) ? 0 : 1;
  };
  for (int i = 0; i < 300000; ++i) look(1.0f + static_cast<float>(i) * 0x1p-23f * (i < 100000 ? 1.0f : 97.0f));
  for (float x = 1.0f; x < 1e30f; x *= 1.0003f) look(x);
  CHECK(r3mes_log(1.0f) == 0.0f);
  // Both sides of where the reduction changes.
  const float edge = 2.0f * 0.707106781186547524f;
  for (const float x : {edge, std::nextafterf(edge, 0.0f), std::nextafterf(edge, 2.0f), 2.0f, std::nextafterf(2.0f, 0.0f)}) look(x);
  CHECK(wrong == 0);
  CHECK_AT_MOST(worst, 0x1p-22);
}

void fixed_point() {
  CHECK(r3mes_fix30(0.0f) == 0);
  CHECK(r3mes_fix30(1.0f) == 1 << 30);
  CHECK(r3mes_fix30(0x1p-31f) == 0);    // a tie goes to the even 0
  CHECK(r3mes_fix30(0x1.8p-30f) == 2);  // 1.5 to 2
  CHECK(r3mes_fix30(0x1.4p-29f) == 2);  // 2.5 to 2
  CHECK(r3mes_fix30(0x1p-149f) == 0);
  test::Random random(31);
  int wrong = 0;
  for (int i = 0; i < 200000; ++i) {
    const float w = static_cast<float>(random.next() >> 40) * std::ldexp(1.0f, -24 - random.below(30));
    if (r3mes_fix30(w) != std::nearbyint(static_cast<double>(w) * 0x1p30)) ++wrong;
  }
  CHECK(wrong == 0);
}

void tables() {
  struct Case {
    int positions, d;
    double theta;
  };
  for (const Case& c : {Case{4096, 32, 10000.0}, Case{2000, 128, 500000.0}, Case{64, 12, 10000.0}, Case{3, 2, 1.5}, Case{300000, 2, 10.0}}) {
    const std::size_t size = static_cast<std::size_t>(c.positions) * c.d / 2;
    std::vector<float> cosine(size), sine(size), cosine2, sine2;
    CHECK_OK(r3mes_rope_table(cosine.data(), sine.data(), c.positions, c.d, c.theta, &error));
    test::rope_tables(cosine2, sine2, c.positions, c.d, c.theta);
    CHECK(test::same(cosine, cosine2));
    CHECK(test::same(sine, sine2));
    double worst = 0.0;
    for (std::size_t i = 0; i < size; ++i) {
      const int pair = static_cast<int>(i) % (c.d / 2);
      const float frequency = static_cast<float>(std::pow(c.theta, -2.0 * pair / c.d));
      const double angle = static_cast<float>(i / (c.d / 2)) * frequency;
      worst = std::fmax(worst, std::fabs(cosine[i] - std::cos(angle)));
      worst = std::fmax(worst, std::fabs(sine[i] - std::sin(angle)));
    }
    CHECK_AT_MOST(worst, 0x1.0002p-25);  // half a unit in the last place of 1, and the library's own error
  }
}

}  // namespace

int main() {
  exponential();
  logarithm();
  fixed_point();
  tables();
  return test::finish("elementary");
}

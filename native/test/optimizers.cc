// Norm, clipping, trimmed mean, AdamW and the first adapter, against binary64, sorting and exact integer division.
#include <cmath>
#include <limits>
#include <vector>

#include "check.h"
#include "r3mes/optimizer.h"
#include "second.h"
#include "synthetic.h"

namespace {

using std::vector;
using Doubles = std::vector<double>;
using test::Floats;
using test::Random;

bool has_negative_zero(const Floats& x) {
  return std::any_of(x.begin(), x.end(), [](float v) { return v == 0.0f && std::signbit(v); });
}

/** §4, from the page. */
float norm_of(const Floats& g) {
  float largest = 0.0f;
  for (const float x : g) largest = std::fmax(largest, std::fabs(x));
  if (largest == 0.0f) return 0.0f;
  int k = 0;
  std::frexp(largest, &k);
  const int e = std::max(k - 18, -126);
  std::int64_t sum = 0;
  for (const float x : g) {
    const auto q = static_cast<std::int64_t>(std::nearbyint(x * test::power_of_two(-e)));
    sum += q * q;
  }
  return std::sqrt(static_cast<float>(sum)) * test::power_of_two(e);
}

/** A sum of squares beyond 2^53 is still rounded to binary32 once: by way of binary64 this one would round to another norm. */
void long_sum() {
  std::int64_t sum = (std::int64_t{1} << 53) + (std::int64_t{1} << 29) + 1;
  const auto once = [](std::int64_t n) { return std::sqrt(static_cast<float>(n)); };
  const auto twice = [](std::int64_t n) { return std::sqrt(static_cast<float>(static_cast<double>(n))); };
  for (int i = 0; i < 100 && once(sum) == twice(sum); ++i) sum += std::int64_t{1} << 31;
  CHECK(once(sum) != twice(sum));
  Floats g;
  for (std::int64_t rest = sum; rest > 0;) {
    const auto q = std::min(static_cast<std::int64_t>(std::sqrt(static_cast<double>(rest))), std::int64_t{(1 << 18) - 1});
    g.push_back(static_cast<float>(q));  // the largest is 2^18 − 1, so that e = 0
    rest -= q * q;
  }
  float norm = 0.0f;
  CHECK_OK(r3mes_clip(nullptr, &norm, g.data(), g.size(), 1.0f, &error));
  CHECK(norm == once(sum));
}

void clipping() {
  Random random(81);
  for (const int size : {1, 3, 1000, 70001}) {
    for (const float scale : {1.0f, 0x1p-60f, 0x1p50f, 0x1p-140f}) {
      const Floats g = test::gaussians(random, size, scale);
      Floats clipped(size);
      float norm = 0.0f;
      double squares = 0.0;
      for (const float x : g) squares += static_cast<double>(x) * x;
      const double exact = std::sqrt(squares);
      CHECK_OK(r3mes_clip(nullptr, &norm, g.data(), size, 1.0f, &error));
      CHECK(norm == norm_of(g));
      // Below 2^-126 the unit of the sum is 2^-126 itself.
      if (scale > 0x1p-100f) CHECK_AT_MOST(std::fabs(norm - exact) / exact, 0x1p-16);
      if (!(norm > 0.0f)) continue;
      for (const float limit : {norm * 2.0f, norm, norm * 0.3f}) {
        if (!(limit > 0.0f)) continue;
        float again = 0.0f;
        CHECK_OK(r3mes_clip(clipped.data(), &again, g.data(), size, limit, &error));
        CHECK(again == norm);
        const float factor = norm > limit ? limit / norm : 1.0f;
        int wrong = 0;
        for (int i = 0; i < size; ++i) wrong += clipped[i] == g[i] * factor ? 0 : 1;
        CHECK(wrong == 0);
        float after = 0.0f;
        CHECK_OK(r3mes_clip(nullptr, &after, clipped.data(), size, limit, &error));
        if (scale > 0x1p-100f) CHECK(after <= limit * (1.0f + 0x1p-16f));
      }
    }
  }
  const Floats zeros(40, -0.0f);
  float norm = 1.0f;
  CHECK_OK(r3mes_clip(nullptr, &norm, zeros.data(), zeros.size(), 1.0f, &error));
  CHECK(norm == 0.0f);
  CHECK_OK(r3mes_clip(nullptr, &norm, nullptr, 0, 1.0f, &error));
  CHECK(norm == 0.0f);
  long_sum();
}

/** The integer nearest to sum ÷ n, the even one of two: by looking at the three candidates. */
std::int64_t nearest_even(std::int64_t sum, std::int64_t n) {
  std::int64_t best = sum / n - 1;
  for (std::int64_t candidate = sum / n; candidate <= sum / n + 1; ++candidate) {
    const std::int64_t distance = std::abs(sum - candidate * n), least = std::abs(sum - best * n);
    if (distance < least || (distance == least && candidate % 2 == 0)) best = candidate;
  }
  return best;
}

void check_mean(const vector<Floats>& gradients) {
  const std::size_t count = gradients.size(), size = gradients[0].size();
  vector<const float*> pointers;
  for (const Floats& g : gradients) pointers.push_back(g.data());
  vector<std::int32_t> mean(size);
  CHECK_OK(r3mes_trimmed_mean(mean.data(), pointers.data(), count, size, &error));
  const std::size_t drop = count < 3 ? 0 : count < 10 ? 1 : count / 5;
  int wrong = 0;
  for (std::size_t i = 0; i < size; ++i) {
    vector<std::int64_t> q;
    for (const Floats& g : gradients) {
      const double scaled = std::nearbyint(static_cast<double>(g[i]) * 0x1p30);
      q.push_back(static_cast<std::int64_t>(std::fmin(std::fmax(scaled, -2147483647.0), 2147483647.0)));
    }
    std::sort(q.begin(), q.end());
    std::int64_t sum = 0;
    for (std::size_t k = drop; k < count - drop; ++k) sum += q[k];
    wrong += mean[i] == nearest_even(sum, static_cast<std::int64_t>(count - 2 * drop)) ? 0 : 1;
  }
  CHECK(wrong == 0);
  Floats gradient(size);
  r3mes_mean_gradient(gradient.data(), mean.data(), size);
  wrong = 0;
  for (std::size_t i = 0; i < size; ++i) wrong += gradient[i] == test::rn(mean[i], -30) ? 0 : 1;
  CHECK(wrong == 0);
  CHECK(!has_negative_zero(gradient));
}

void trimmed_mean() {
  Random random(82);
  for (const int count : {1, 2, 3, 4, 5, 9, 10, 15, 24}) {
    vector<Floats> gradients, small, wide;
    for (int k = 0; k < count; ++k) {
      gradients.push_back(test::gaussians(random, 500, 0.05f));
      small.emplace_back();
      for (int i = 0; i < 2000; ++i) small.back().push_back(static_cast<float>(random.below(9) - 4) * 0x1p-30f);  // many ties
      wide.push_back(test::gaussians(random, 100, k % 2 == 0 ? 1e4f : 0x1p-40f));  // beyond the range, and below its unit
    }
    check_mean(gradients);
    check_mean(small);
    check_mean(wide);
  }
  // Half units: 1 and 2 have the mean 1.5, 2 and 3 have 2.5, and so with the sign changed: all go to ±2.
  const Floats a{0x1p-30f, 0x1p-29f, -0x1p-30f, -0x1p-29f}, b{0x1p-29f, 0x1.8p-29f, -0x1p-29f, -0x1.8p-29f};
  const float* pair[] = {a.data(), b.data()};
  vector<std::int32_t> mean(4);
  CHECK_OK(r3mes_trimmed_mean(mean.data(), pair, 2, 4, &error));
  CHECK((mean == vector<std::int32_t>{2, 2, -2, -2}));
  // The mean forgets the order of the gradients and one liar.
  const float liar[] = {1.9f}, x[] = {0.25f}, y[] = {0.5f};
  const float *first[] = {liar, x, y}, *second[] = {y, liar, x};
  std::int32_t one = 0, two = 0;
  CHECK_OK(r3mes_trimmed_mean(&one, first, 3, 1, &error));
  CHECK_OK(r3mes_trimmed_mean(&two, second, 3, 1, &error));
  CHECK(one == 1 << 29 && two == one);
}

void adamw() {
  Random random(83);
  const int size = 3000;
  const r3mes_adamw_settings settings{2e-3f, 0.9f, 0.999f, 1e-8f, 0.01f};
  Floats p = test::gaussians(random, size, 0.03f), m(size), v(size);
  Doubles pd = Doubles(p.begin(), p.end()), md(size), vd(size);
  float b1 = settings.beta1, b2 = settings.beta2;
  for (std::uint64_t step = 1; step <= 40; ++step) {
    const Floats g = test::gaussians(random, size, 0.01f);
    Floats p2(size), m2(size), v2(size);
    Doubles same(size);
    CHECK_OK(r3mes_adamw(p2.data(), m2.data(), v2.data(), p.data(), m.data(), v.data(), g.data(), size, &settings, step, &error));
    const double lr = settings.learning_rate, beta1 = settings.beta1, beta2 = settings.beta2, n = static_cast<double>(step);
    for (int i = 0; i < size; ++i) {
      // From the same state, with β^t as the page multiplies it.
      const double m1 = beta1 * m[i] + (1 - beta1) * g[i], v1 = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
      same[i] = p[i] * (1 - lr * settings.weight_decay) - lr * (m1 / (1.0f - b1)) / (std::sqrt(v1 / (1.0f - b2)) + settings.epsilon);
      // From its own state, all in binary64.
      md[i] = beta1 * md[i] + (1 - beta1) * g[i];
      vd[i] = beta2 * vd[i] + (1 - beta2) * g[i] * g[i];
      pd[i] = pd[i] * (1 - lr * settings.weight_decay) -
              lr * (md[i] / (1 - std::pow(beta1, n))) / (std::sqrt(vd[i] / (1 - std::pow(beta2, n))) + settings.epsilon);
    }
    CHECK_NORM(p2, same, 0x1p-20);
    CHECK_NORM(p2, pd, 0x1p-12);
    CHECK_NORM(m2, md, 0x1p-12);
    CHECK_NORM(v2, vd, 0x1p-12);
    p = p2;
    m = m2;
    v = v2;
    b1 *= settings.beta1;
    b2 *= settings.beta2;
  }
  // Without a gradient there is nothing but decay; zeros stay positive.
  const Floats zeros(4, -0.0f), parameters{1.0f, -1.0f, -0.0f, 0.0f};
  Floats a(4), b(4), c(4);
  CHECK_OK(r3mes_adamw(a.data(), b.data(), c.data(), parameters.data(), zeros.data(), zeros.data(), zeros.data(), 4, &settings, 1, &error));
  const float decay = 1.0f - settings.learning_rate * settings.weight_decay;
  CHECK((a == Floats{decay, -decay, 0.0f, 0.0f}));
  CHECK(!has_negative_zero(a) && !has_negative_zero(b) && !has_negative_zero(c));
  // After very many steps the corrections are 1.
  CHECK_OK(r3mes_adamw(a.data(), b.data(), c.data(), parameters.data(), zeros.data(), zeros.data(), parameters.data(), 4, &settings,
                       std::uint64_t{1} << 31, &error));
  CHECK(std::isfinite(a[0]));
}

void initial_adapter() {
  const int rank = 16, in = 600;
  Floats a(rank * in), b(rank * in), c(rank * in);
  CHECK_OK(r3mes_initial_lora_a(a.data(), 7, rank, in, &error));
  CHECK_OK(r3mes_initial_lora_a(b.data(), 7, rank, in, &error));
  CHECK_OK(r3mes_initial_lora_a(c.data(), 8, rank, in, &error));
  CHECK(a == b);
  CHECK(a != c);
  const double bound = 1.0 / std::sqrt(in);
  double sum = 0.0, squares = 0.0, largest = 0.0;
  test::Random random(7);
  int wrong = 0;
  for (const float x : a) {
    sum += x;
    squares += static_cast<double>(x) * x;
    largest = std::fmax(largest, std::fabs(static_cast<double>(x)));
    const float expected = (static_cast<float>(random.next() >> 40) * 0x1p-23f - 1.0f) * (1.0f / std::sqrt(600.0f));
    wrong += x == expected ? 0 : 1;
  }
  CHECK(wrong == 0);
  CHECK_AT_MOST(largest, bound * (1 + 1e-6));
  CHECK_AT_MOST(std::fabs(sum / (rank * in)), bound * 0.03);
  CHECK_AT_MOST(std::fabs(squares / (rank * in) * 3.0 / (bound * bound) - 1.0), 0.05);  // variance of a uniform value
}

}  // namespace

int main() {
  clipping();
  trimmed_mean();
  adamw();
  initial_adapter();
  return test::finish("optimizers");
}

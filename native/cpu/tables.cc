#include "tables.h"

#include <cmath>
#include <cstddef>

#include "bits.h"

namespace r3mes::cpu {

namespace {

/** ln 2 in two parts: the first has 32 significant bits, so that a small integer times it is exact. */
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
constexpr double kLn2 = 0x1.62e42fefa39efp-1;

/** π/2 in three parts; the first two have 33 significant bits. */
constexpr double kHalfPi1 = 0x1.921fb544p+0;
constexpr double kHalfPi2 = 0x1.0b4611a6p-34;
constexpr double kHalfPi3 = 0x1.3198a2e037073p-69;
constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;

}  // namespace

double ln64(double x) {
  int k = 0;
  double m = std::frexp(x, &k);  // exact: x = m · 2^k, 1/2 ≤ m < 1
  if (m < 0.70710678118654752) {
    m = m * 2.0;
    k = k - 1;
  }
  const double s = (m - 1.0) / (m + 1.0);
  const double z = s * s;
  double p = 1.0 / 23.0;
  for (int n = 21; n >= 1; n -= 2) p = p * z + 1.0 / n;
  return (2.0 * s) * p + k * kLn2;
}

double exp64(double x) {
  const double n = rne_double(x / kLn2);
  const double r = (x - n * kLn2High) - n * kLn2Low;
  double p = 1.0;
  for (int i = 13; i >= 1; --i) p = 1.0 + (r * p) / i;
  return p * pow2d(static_cast<int>(n));
}

void cos_sin64(double angle, double* cosine, double* sine) {
  const double n = rne_double(angle * kTwoOverPi);
  const double r = ((angle - n * kHalfPi1) - n * kHalfPi2) - n * kHalfPi3;
  const double z = r * r;
  double s = 1.0, c = 1.0;
  for (int i = 16; i >= 2; i -= 2) s = 1.0 - (z * s) / (i * (i + 1.0));
  for (int i = 15; i >= 1; i -= 2) c = 1.0 - (z * c) / (i * (i + 1.0));
  s = r * s;
  switch (static_cast<int>(n) & 3) {
    case 0: *cosine = c; *sine = s; return;
    case 1: *cosine = -s; *sine = c; return;
    case 2: *cosine = -c; *sine = -s; return;
    default: *cosine = s; *sine = -c; return;
  }
}

std::vector<float> inverse_frequencies(int head_size, double theta) {
  std::vector<float> frequency(static_cast<std::size_t>(head_size / 2));
  const double ln_theta = ln64(theta);
  for (int i = 0; i < head_size / 2; ++i) {
    frequency[i] = static_cast<float>(exp64(-((2.0 * i) / head_size) * ln_theta));
  }
  return frequency;
}

RopeTable rope_table(int positions, const std::vector<float>& inverse_frequency) {
  RopeTable table;
  table.half = static_cast<int>(inverse_frequency.size());
  const std::size_t n = static_cast<std::size_t>(positions) * inverse_frequency.size();
  table.cosine.resize(n);
  table.sine.resize(n);
  std::size_t at = 0;
  for (int position = 0; position < positions; ++position) {
    for (const float frequency : inverse_frequency) {
      const float angle = static_cast<float>(position) * frequency;
      double c = 0.0, s = 0.0;
      cos_sin64(angle, &c, &s);
      table.cosine[at] = static_cast<float>(c);
      table.sine[at] = static_cast<float>(s);
      ++at;
    }
  }
  return table;
}

}  // namespace r3mes::cpu

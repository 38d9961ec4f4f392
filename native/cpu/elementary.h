// exp, log and the fixed-point weight of docs/arithmetic.md §1.3. No library function has the same bits everywhere.
// Polynomials: Cephes' expf and logf (S. L. Moshier).
#pragma once

#include <cmath>
#include <cstdint>

#include "bits.h"

namespace r3mes::cpu {

/** exp(t) for t ≤ 0. No branch, so that a loop over it can be vectorised. */
inline float exp_nonpositive(float t) {
  const float n = rne_float(t * 1.44269504f);
  const float r = (t - n * 0.693359375f) - n * -2.12194440e-4f;
  float y = 1.9875691500e-4f;
  y = y * r + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = (y * (r * r) + r) + 1.0f;
  const std::uint32_t power = bits_of(y) + (static_cast<std::uint32_t>(rne_int(n)) << 23);
  const std::uint32_t keep = t < -20.0f ? 0u : 0xffffffffu;
  return float_of(power & keep);
}

/** rne(w · 2^30) for 0 ≤ w ≤ 1: at most 2^30 + 2^7. */
inline std::int32_t fix30(float w) {
  const float x = w * 1073741824.0f;
  const float ulp_one = x < 8388608.0f ? 8388608.0f : 0.0f;  // from 2^23 on, x is an integer already
  return static_cast<std::int32_t>((x + ulp_one) - ulp_one);
}

/** x becomes exp(x − m), m the largest of them; returns Σ fix30 of the results. */
inline std::int64_t exponentials(float* __restrict x, int n, float m) {
  // In two halves of 15 bits, which int32 holds over 2^15 terms: 2^15 · (2^15 + 1) < 2^31.
  constexpr int kTerms = 32768;
  std::int64_t sum = 0;
  for (int first = 0; first < n; first += kTerms) {
    const int end = first + kTerms < n ? first + kTerms : n;
    std::int32_t high = 0, low = 0;
    for (int j = first; j < end; ++j) {
      const float w = exp_nonpositive(x[j] - m);
      const std::int32_t fixed = fix30(w);
      x[j] = w;
      high += fixed >> 15;
      low += fixed & 0x7fff;
    }
    sum += (static_cast<std::int64_t>(high) << 15) + low;
  }
  return sum;
}

/** log(x) for finite x ≥ 1. */
inline float log_from_one(float x) {
  const std::uint32_t b = bits_of(x);
  int k = static_cast<int>(b >> 23) - 126;
  const float m = float_of((b & 0x007fffffu) | 0x3f000000u);
  float f;
  if (m < 0.707106781186547524f) {
    k -= 1;
    f = (m + m) - 1.0f;
  } else {
    f = m - 1.0f;
  }
  const float z = f * f;
  float y = 7.0376836292e-2f;
  y = y * f + -1.1514610310e-1f;
  y = y * f + 1.1676998740e-1f;
  y = y * f + -1.2420140846e-1f;
  y = y * f + 1.4249322787e-1f;
  y = y * f + -1.6668057665e-1f;
  y = y * f + 2.0000714765e-1f;
  y = y * f + -2.4999993993e-1f;
  y = y * f + 3.3333331174e-1f;
  y = (y * f) * z;
  const float n = static_cast<float>(k);
  y = y + n * -2.12194440e-4f;
  y = y - 0.5f * z;
  return (f + y) + n * 0.693359375f;
}

}  // namespace r3mes::cpu

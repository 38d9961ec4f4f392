// A second implementation of docs/arithmetic.md §1 to §3, written from the page alone and as plainly as possible: no
// slices, no tiles, no threads. What it computes must be what native/cpu computes, bit for bit, or the page is not complete.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

namespace test {

using Floats = std::vector<float>;

/** §1.2: mantissas and the exponent. */
struct Row16 {
  std::vector<std::int64_t> q;
  int e = 0;
};

/** A row that lies in memory with a stride. */
struct Strided {
  const float* at;
  int n;
  std::size_t stride;
  float operator[](int i) const { return at[static_cast<std::size_t>(i) * stride]; }
};

inline Strided row_of(const Floats& x, int row, int n) { return {x.data() + static_cast<std::size_t>(row) * n, n, 1}; }
/** Column `column` of x [·, width], `n` values from row `first` on. */
inline Strided column_of(const Floats& x, int column, int width, int first, int n) {
  return {x.data() + static_cast<std::size_t>(first) * width + column, n, static_cast<std::size_t>(width)};
}

inline float power_of_two(int e) { return std::ldexp(1.0f, e); }
inline float rn(std::int64_t n, int e) { return static_cast<float>(std::ldexp(static_cast<double>(n), e)); }

inline Row16 to_row16(const Strided& x) {
  float m = 0.0f;
  for (int k = 0; k < x.n; ++k) m = std::fmax(m, std::fabs(x[k]));
  Row16 row;
  row.e = -126;
  if (m > 0.0f) {
    int k = 0;
    std::frexp(m, &k);
    row.e = std::max(k - 15, -126);
    if (std::nearbyint(m * power_of_two(-row.e)) > 32639.0f) ++row.e;
  }
  for (int k = 0; k < x.n; ++k) row.q.push_back(static_cast<std::int64_t>(std::nearbyint(x[k] * power_of_two(-row.e))));
  return row;
}

inline Row16 to_row16(const Floats& x) { return to_row16(Strided{x.data(), static_cast<int>(x.size()), 1}); }

inline std::int64_t sum_of(const Row16& a, const Row16& b) {
  std::int64_t sum = 0;
  for (std::size_t k = 0; k < a.q.size(); ++k) sum += a.q[k] * b.q[k];
  return sum;
}

inline float dot(const Row16& a, const Row16& b) { return rn(sum_of(a, b), a.e + b.e); }

/** §1.1. */
inline float to_act8(const Strided& x, std::vector<std::int64_t>& q) {
  float m = 0.0f;
  for (int k = 0; k < x.n; ++k) m = std::fmax(m, std::fabs(x[k]));
  const float s = 127.0f / std::fmax(m, 1e-5f);
  q.clear();
  for (int k = 0; k < x.n; ++k) q.push_back(static_cast<std::int64_t>(std::fmin(std::fmax(std::nearbyint(x[k] * s), -128.0f), 127.0f)));
  return 1.0f / s;
}

/** §1.3. */
inline float exp_of(float t) {
  if (t < -20.0f) return 0.0f;
  const float n = std::nearbyint(t * 1.44269504f);
  const float r = (t - n * 0.693359375f) - n * -2.12194440e-4f;
  float y = 1.9875691500e-4f;
  for (const float c : {1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f}) {
    y = y * r;
    y = y + c;
  }
  y = ((y * (r * r)) + r) + 1.0f;
  return std::ldexp(y, static_cast<int>(n));
}

inline std::int64_t fix30_of(float w) { return static_cast<std::int64_t>(std::nearbyint(w * power_of_two(30))); }

inline float log_of(float x) {
  int k = 0;
  const float m = std::frexp(x, &k);
  float f;
  if (m < 0.707106781186547524f) {
    k = k - 1;
    f = (m + m) - 1.0f;
  } else {
    f = m - 1.0f;
  }
  const float z = f * f;
  float y = 7.0376836292e-2f;
  for (const float c : {-1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f, -1.6668057665e-1f, 2.0000714765e-1f,
                        -2.4999993993e-1f, 3.3333331174e-1f}) {
    y = y * f;
    y = y + c;
  }
  y = (y * f) * z;
  y = y + static_cast<float>(k) * -2.12194440e-4f;
  y = y - 0.5f * z;
  return (f + y) + static_cast<float>(k) * 0.693359375f;
}

/** §1.4, all in binary64. */
inline double ln64_of(double x) {
  int k = 0;
  double m = std::frexp(x, &k);
  if (m < 0.70710678118654752) {
    m = 2.0 * m;
    k = k - 1;
  }
  const double s = (m - 1.0) / (m + 1.0), z = s * s;
  double p = 1.0 / 23.0;
  for (const double n : {21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0}) p = (p * z) + (1.0 / n);
  return ((2.0 * s) * p) + (k * 0x1.62e42fefa39efp-1);
}

inline double exp64_of(double x) {
  const double n = std::nearbyint(x / 0x1.62e42fefa39efp-1);
  const double r = (x - n * 0x1.62e42feep-1) - n * 0x1.a39ef35793c76p-33;
  double p = 1.0;
  for (int i = 13; i >= 1; --i) p = 1.0 + ((r * p) / i);
  return std::ldexp(p, static_cast<int>(n));
}

inline void rope_angle(float angle, float* cosine, float* sine) {
  const double a = angle, n = std::nearbyint(a * 0x1.45f306dc9c883p-1);
  const double r = ((a - n * 0x1.921fb544p+0) - n * 0x1.0b4611a6p-34) - n * 0x1.3198a2e037073p-69, z = r * r;
  double s = 1.0, c = 1.0;
  for (int i = 16; i >= 2; i -= 2) s = 1.0 - ((z * s) / (i * (i + 1)));
  for (int i = 15; i >= 1; i -= 2) c = 1.0 - ((z * c) / (i * (i + 1)));
  s = r * s;
  const int quarter = static_cast<int>(n) % 4;
  *cosine = static_cast<float>(quarter == 0 ? c : quarter == 1 ? -s : quarter == 2 ? -c : s);
  *sine = static_cast<float>(quarter == 0 ? s : quarter == 1 ? c : quarter == 2 ? -s : -c);
}

/** cos and sin [positions, d / 2]. */
inline void rope_tables(Floats& cosine, Floats& sine, int positions, int d, double theta) {
  cosine.clear();
  sine.clear();
  for (int position = 0; position < positions; ++position) {
    for (int i = 0; i < d / 2; ++i) {
      const float frequency = static_cast<float>(exp64_of(-((2.0 * i) / d) * ln64_of(theta)));
      float c = 0.0f, s = 0.0f;
      rope_angle(static_cast<float>(position) * frequency, &c, &s);
      cosine.push_back(c);
      sine.push_back(s);
    }
  }
}

}  // namespace test

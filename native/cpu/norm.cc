#include "norm.h"

#include <cmath>

#include "bits.h"
#include "product.h"
#include "quantize.h"

namespace r3mes::cpu {

float rms_norm(const float* x, const float* w, int n, float eps, float* y, Arena& arena, const Where& where, std::int64_t row) {
  Arena::Mark mark(arena);
  std::int16_t* q = arena.get<std::int16_t>(padded(n));
  const int e = row16(x, n, q, where, row);
  const double squares = static_cast<double>(dot_mantissas(q, q, padded(n)));
  const float v = rn(squares, pow2d(2 * e)) / static_cast<float>(n) + eps;
  if (!(v < float_of(kInfinityBits))) not_finite(where, row, 0, v);
  const float rstd = 1.0f / std::sqrt(v);
  rms_scale(x, w, n, rstd, y);
  return rstd;
}

void rms_scale(const float* x, const float* w, int n, float rstd, float* y) {
  for (int c = 0; c < n; ++c) y[c] = (x[c] * rstd) * w[c];
}

void rms_norm_backward(const float* dy, const float* x, const float* w, float rstd, int n, float* dx, Arena& arena,
                       const Where& where, std::int64_t row) {
  Arena::Mark mark(arena);
  float* g = arena.get<float>(n);
  float* h = arena.get<float>(n);
  std::int16_t* qg = arena.get<std::int16_t>(padded(n));
  std::int16_t* qh = arena.get<std::int16_t>(padded(n));
  for (int c = 0; c < n; ++c) g[c] = dy[c] * w[c];
  for (int c = 0; c < n; ++c) h[c] = x[c] * rstd;
  const int eg = row16(g, n, qg, where, row);
  const int eh = row16(h, n, qh, where, row);
  const float m = rn(static_cast<double>(dot_mantissas(qg, qh, padded(n))), pow2d(eg + eh)) / static_cast<float>(n);
  for (int c = 0; c < n; ++c) dx[c] = (g[c] - h[c] * m) * rstd;
}

void rope(float* x, int half, const float* cosine, const float* sine) {
  for (int i = 0; i < half; ++i) {
    const float a = x[i];
    const float b = x[i + half];
    x[i] = (a * cosine[i]) - (b * sine[i]);
    x[i + half] = (b * cosine[i]) + (a * sine[i]);
  }
}

void rope_backward(float* dx, int half, const float* cosine, const float* sine) {
  for (int i = 0; i < half; ++i) {
    const float a = dx[i];
    const float b = dx[i + half];
    dx[i] = (a * cosine[i]) + (b * sine[i]);
    dx[i + half] = (b * cosine[i]) - (a * sine[i]);
  }
}

}  // namespace r3mes::cpu

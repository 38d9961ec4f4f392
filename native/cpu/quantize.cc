#include "quantize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "bits.h"

namespace r3mes::cpu {

namespace {

/** Largest mantissa: its high slice must fit into int8. */
constexpr std::int32_t kMantissaMax = 32639;

/** q_k = rne(x_k · scale): the low half of a sum that rounds is the integer in two's complement, because |q| < 2^15. */
inline void mantissas(const float* __restrict x, int n, float scale, std::int16_t* __restrict q) {
  for (int k = 0; k < n; ++k) q[k] = static_cast<std::int16_t>(rne_int(x[k] * scale));
}

/** First element that is not finite; called only after the largest magnitude said that there is one. */
std::int64_t find_not_finite(const float* x, int n) {
  for (int k = 0; k < n; ++k) {
    if ((bits_of(x[k]) & kAbsMask) >= kInfinityBits) return k;
  }
  return 0;
}

}  // namespace

Rows16 take_rows16(Arena& arena, std::size_t rows, int n) {
  const std::size_t stride = static_cast<std::size_t>(padded(n));
  return Rows16{arena.get<std::int16_t>(rows * stride), stride, arena.get<std::int32_t>(rows)};
}

std::uint32_t absmax_bits(const float* x, int n) {
  std::int32_t largest = 0;
  for (int k = 0; k < n; ++k) largest = std::max(largest, static_cast<std::int32_t>(bits_of(x[k]) & kAbsMask));
  return static_cast<std::uint32_t>(largest);
}

void require_finite(const float* x, int rows, int n, const Where& where) {
  for (int i = 0; i < rows; ++i) {
    const float* row = x + static_cast<std::size_t>(i) * n;
    if (absmax_bits(row, n) < kInfinityBits) continue;
    for (int c = 0; c < n; ++c) {
      if (!std::isfinite(row[c])) not_finite(where, i, c, row[c]);
    }
  }
}

float largest(const float* x, int n) {
  // Compared as integers whose order is that of the floats: unlike a maximum of floats, that loop vectorises.
  std::int32_t best = std::numeric_limits<std::int32_t>::min();
  for (int k = 0; k < n; ++k) {
    const std::int32_t b = static_cast<std::int32_t>(bits_of(x[k]));
    best = std::max(best, b ^ ((b >> 31) & 0x7fffffff));
  }
  return float_of(static_cast<std::uint32_t>(best ^ ((best >> 31) & 0x7fffffff)));
}

int row16_exponent(std::uint32_t absmax) {
  // The biased exponent E of a normal value means 2^(E−127) ≤ m < 2^(E−126), so k = E − 126; a subnormal has E = 0.
  int e = std::max(static_cast<int>(absmax >> 23) - 126 - 15, -126);
  if (rne_int(float_of(absmax) * pow2f(-e)) > kMantissaMax) ++e;
  return e;
}

int row16(const float* x, int n, std::int16_t* q, const Where& where, std::int64_t row) {
  const std::uint32_t largest = absmax_bits(x, n);
  require_finite(x, n, largest, where, row);
  const int e = row16_exponent(largest);
  mantissas(x, n, pow2f(-e), q);
  for (int k = n; k < padded(n); ++k) q[k] = 0;
  return e;
}

void require_finite(const float* x, int n, std::uint32_t absmax, const Where& where, std::int64_t row) {
  if (absmax < kInfinityBits) return;
  const std::int64_t k = find_not_finite(x, n);
  not_finite(where, row, k, x[k]);
}

std::uint32_t fold_row(const float* x, const float* fold, int n, float* out) {
  std::int32_t largest = 0;
  for (int k = 0; k < n; ++k) {
    const float value = x[k] * fold[k];
    out[k] = value;
    largest = std::max(largest, static_cast<std::int32_t>(bits_of(value) & kAbsMask));
  }
  return static_cast<std::uint32_t>(largest);
}

void quantize_row(const Left& left, int i, const float* x, int n, std::uint32_t absmax, int end, const Where& where, std::int64_t row) {
  require_finite(x, n, absmax, where, row);
  const int e = row16_exponent(absmax);
  left.rows.e[i] = e;
  std::int16_t* __restrict q = left.rows.row(i);
  const float scale = pow2f(-e);
  if (kQuadHasSlices) {
    std::uint8_t* __restrict slices = left.slices + i * left.rows.stride;
    for (int k = 0; k < n; ++k) {
      const std::int32_t integer = rne_int(x[k] * scale);
      q[k] = static_cast<std::int16_t>(integer);
      slices[k] = static_cast<std::uint8_t>((integer + 32896) >> 8);
    }
  } else {
    mantissas(x, n, scale, q);
  }
  for (int k = n; k < end; ++k) q[k] = 0;
  slice_row(left, i, n, end);
}

Left left_rows(const float* x, std::size_t ldx, int rows, int n, Arena& arena, const Where& where) {
  const Left left = take_left(take_rows16(arena, rows, n), rows, arena);
  for (int i = 0; i < rows; ++i) quantize_row(left, i, x + i * ldx, n, absmax_bits(x + i * ldx, n), padded(n), where, i);
  return left;
}

void row16_rows(const float* x, std::size_t ldx, int rows, int n, Rows16 out, const Where& where) {
  for (int i = 0; i < rows; ++i) out.e[i] = row16(x + i * ldx, n, out.row(i), where, i);
}

namespace {

/** Columns whose exponents are found together. */
constexpr int kStrip = 64;

/** Bits of the largest magnitudes of the columns of x · fold; n ≤ kStrip. */
void largest_columns(const float* x, std::size_t ldx, int rows, int n, const float* fold, std::int32_t* largest) {
  std::int32_t most[kStrip] = {};
  for (int t = 0; t < rows; ++t) {
    const float* row = x + t * ldx;
    const float f = fold == nullptr ? 1.0f : fold[t];
    if (n == kStrip) {
      for (int c = 0; c < kStrip; ++c) most[c] = std::max(most[c], static_cast<std::int32_t>(bits_of(row[c] * f) & kAbsMask));
    } else {
      for (int c = 0; c < n; ++c) most[c] = std::max(most[c], static_cast<std::int32_t>(bits_of(row[c] * f) & kAbsMask));
    }
  }
  std::copy(most, most + n, largest);
}

/** Exponents of the columns of x · fold from their largest magnitudes, and 2^−e for each. */
void column_exponents(const float* x, std::size_t ldx, int rows, int n, const float* fold, const std::int32_t* largest, int first,
                      std::int32_t* e, float* scale, const Where& where) {
  for (int c = 0; c < n; ++c) {
    if (static_cast<std::uint32_t>(largest[c]) >= kInfinityBits) {
      for (int t = 0; t < rows; ++t) {
        const float value = x[t * ldx + c] * (fold == nullptr ? 1.0f : fold[t]);
        if ((bits_of(value) & kAbsMask) >= kInfinityBits) not_finite(where, t, first + c, value);
      }
    }
    e[c] = row16_exponent(static_cast<std::uint32_t>(largest[c]));
    scale[c] = pow2f(-e[c]);
  }
}

/** Mantissas of one row of the columns, or zeros beyond the last one. */
void strip_mantissas(const float* x, std::size_t ldx, int t, int rows, int n, const float* fold, const float* scale, std::int16_t* q) {
  if (t >= rows) {
    std::memset(q, 0, kStrip * sizeof *q);
    return;
  }
  const float f = fold == nullptr ? 1.0f : fold[t];
  const float* row = x + t * ldx;
  for (int c = 0; c < n; ++c) q[c] = static_cast<std::int16_t>(rne_int((row[c] * f) * scale[c]));
}

}  // namespace

void row16_columns(const float* x, std::size_t ldx, int rows, int columns, const float* fold, Rows16 out, Arena& arena,
                   const Where& where) {
  constexpr int kDepth = 16;   // rows that are transposed together
  float scale[kStrip];
  std::int32_t largest[kStrip];
  Arena::Mark mark(arena);
  std::int16_t* tile = arena.get<std::int16_t>(kDepth * kStrip);
  for (int c0 = 0; c0 < columns; c0 += kStrip) {
    const int n = std::min(kStrip, columns - c0);
    largest_columns(x + c0, ldx, rows, n, fold, largest);
    column_exponents(x + c0, ldx, rows, n, fold, largest, c0, out.e + c0, scale, where);
    for (int t0 = 0; t0 < padded(rows); t0 += kDepth) {
      const int depth = std::min(kDepth, padded(rows) - t0);
      for (int d = 0; d < depth; ++d) strip_mantissas(x + c0, ldx, t0 + d, rows, n, fold, scale, tile + d * kStrip);
      for (int c = 0; c < n; ++c) {
        std::int16_t* column = out.row(c0 + c) + t0;
        for (int d = 0; d < depth; ++d) column[d] = tile[d * kStrip + c];
      }
    }
  }
}

namespace {

/** Panels of columns whose largest magnitudes are known; `first` is the number of the first column. */
void panels_of(const float* x, std::size_t ldx, int rows, int columns, const float* fold, const std::int32_t* largest, Panels out,
               std::int32_t* e, const Where& where, int first) {
  float scale[kLanes];
  const float ones[4] = {1.0f, 1.0f, 1.0f, 1.0f};
  for (int c0 = 0; c0 < columns; c0 += kLanes) {
    const int n = std::min(kLanes, columns - c0);
    column_exponents(x + c0, ldx, rows, n, fold, largest + c0, first + c0, e + c0, scale, where);
    for (int c = n; c < kLanes; ++c) scale[c] = 0.0f;
    int k = 0;
    for (; k + 4 <= rows; k += 4) quantize_quad(x + k * ldx + c0, ldx, fold == nullptr ? ones : fold + k, scale, out.quad(c0, k));
    for (; k < padded(rows); k += 4) {
      std::int16_t q[4][kLanes] = {};
      for (int t = k; t < rows; ++t) {
        const float f = fold == nullptr ? 1.0f : fold[t];
        for (int c = 0; c < n; ++c) q[t - k][c] = static_cast<std::int16_t>(rne_int((x[t * ldx + c0 + c] * f) * scale[c]));
      }
      set_quad(out.quad(c0, k), q);
    }
  }
}

}  // namespace

void row16_panels(const float* x, std::size_t ldx, int rows, int columns, const float* fold, const std::int32_t* largest, Panels out,
                  std::int32_t* e, const Where& where) {
  panels_of(x, ldx, rows, columns, fold, largest, out, e, where, 0);
}

void row16_panels(const float* x, std::size_t ldx, int rows, int columns, const float* fold, Panels out, std::int32_t* e, Arena& arena,
                  const Where& where) {
  std::int32_t largest[kStrip];
  for (int c0 = 0; c0 < columns; c0 += kStrip) {
    const int n = std::min(kStrip, columns - c0), whole = n / kLanes * kLanes;
    largest_columns(x + c0, ldx, rows, n, fold, largest);
    panels_of(x + c0, ldx, rows, whole, fold, largest, Panels{out.panel(c0 / kLanes), out.terms}, e + c0, where, c0);
    if (whole == n) continue;
    // The columns of the last panel are copied: what lies beyond them is not ours to read.
    Arena::Mark mark(arena);
    float* copy = arena.get<float>(static_cast<std::size_t>(rows) * kLanes);
    for (int t = 0; t < rows; ++t) {
      float* to = copy + static_cast<std::size_t>(t) * kLanes;
      std::fill(std::copy(x + t * ldx + c0 + whole, x + t * ldx + c0 + n, to), to + kLanes, 0.0f);
    }
    panels_of(copy, kLanes, rows, n - whole, fold, largest + whole, Panels{out.panel((c0 + whole) / kLanes), out.terms}, e + c0 + whole, where,
              c0 + whole);
  }
}

float act8(const float* x, int n, std::uint32_t absmax, std::int16_t* q) {
  // |x · s| ≤ 127·(1 + 2^-23): the clamp of the definition can never change a value.
  const float s = 127.0f / std::max(float_of(absmax), 1e-5f);
  mantissas(x, n, s, q);
  for (int k = n; k < padded(n); ++k) q[k] = 0;
  return 1.0f / s;
}

void not_finite(const Where& where, std::int64_t row, std::int64_t column, float value) {
  std::string name = where.layer < 0 ? where.tensor : "layers." + std::to_string(where.layer) + "." + where.tensor;
  std::string place = "[" + std::to_string(where.row + row) + ", " + std::to_string(column) + "]";
  if (where.sequence >= 0) place = "sequence " + std::to_string(where.sequence) + ", " + place;
  const char* what = std::isnan(value) ? "NaN" : value > 0 ? "infinity" : "-infinity";
  throw Failure(R3MES_NOT_FINITE, name + " is " + what + " at " + place + ", expected a finite value");
}

r3mes_status report(r3mes_error* error, r3mes_status status, const char* message) {
  if (error != nullptr) {
    error->status = status;
    std::strncpy(error->message, message, sizeof error->message - 1);
    error->message[sizeof error->message - 1] = '\0';
  }
  return status;
}

}  // namespace r3mes::cpu

// Exact integer matrix products. Plain loops, written so that a compiler turns them into the widest integer
// multiply-adds it may use; in which order the integers are added is of no importance.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "arena.h"

namespace r3mes::cpu {

/** Rows of int16 are padded with zeros to a multiple of this. */
constexpr int kPad = 8;
inline int padded(int n) { return (n + kPad - 1) / kPad * kPad; }

/** Longest sum of int16 × int8 that int32 holds: 32,639 · 128 · 512 < 2^31. */
constexpr int kSliceTerms = 512;

/** c[m·cm + n·cn] = Σ_k a[m·lda + k] · b[n·ldb + k]; K a multiple of kPad. */
template <int M, int N>
inline void dot_tile(const std::int16_t* __restrict a, std::size_t lda, const std::int16_t* __restrict b, std::size_t ldb,
                     int K, std::int32_t* __restrict c, std::size_t cm, std::size_t cn) {
  std::int32_t sum[M][N] = {};
  const int terms = K / kPad * kPad;
  for (int k = 0; k < terms; ++k) {
    for (int m = 0; m < M; ++m) {
      for (int n = 0; n < N; ++n) {
        sum[m][n] += static_cast<std::int32_t>(a[m * lda + k]) * static_cast<std::int32_t>(b[n * ldb + k]);
      }
    }
  }
  for (int m = 0; m < M; ++m) {
    for (int n = 0; n < N; ++n) c[m * cm + n * cn] = sum[m][n];
  }
}

/** All pairs of `rows` rows of a and `columns` rows of b. */
inline void dot_block(const std::int16_t* a, std::size_t lda, int rows, const std::int16_t* b, std::size_t ldb, int columns,
                      int K, std::int32_t* c, std::size_t cm, std::size_t cn) {
  int n = 0;
  for (; n + 2 <= columns; n += 2) {
    int m = 0;
    for (; m + 4 <= rows; m += 4) dot_tile<4, 2>(a + m * lda, lda, b + n * ldb, ldb, K, c + m * cm + n * cn, cm, cn);
    for (; m < rows; ++m) dot_tile<1, 2>(a + m * lda, lda, b + n * ldb, ldb, K, c + m * cm + n * cn, cm, cn);
  }
  if (n < columns) {
    for (int m = 0; m < rows; ++m) dot_tile<1, 1>(a + m * lda, lda, b + n * ldb, ldb, K, c + m * cm + n * cn, cm, cn);
  }
}

/**
 * The exact sums Σ_k a_ik · b_jk of rows of int16 mantissas, handed to `store(i, j0, n, v)` as doubles v[0..n) for the
 * columns j0..j0+n of row i. b holds slices (`slice_rows`): row j is `stride` values hi, then `stride` values lo, of which
 * the first K are used; mantissa = 256·hi + lo. |Σ| < 2^30·K < 2^53 for K < 2^23, so double is exact.
 */
template <class Store>
void product_sliced(const std::int16_t* a, std::size_t lda, int rows, const std::int16_t* b, std::size_t stride, int columns,
                    int K, Store store) {
  constexpr int kRows = 4, kColumns = 32;
  std::int32_t part[kRows][2][kColumns];
  double sum[kRows][kColumns];
  const int width = std::clamp(kSliceTerms * 16 / K, 4, kColumns);
  for (int j0 = 0; j0 < columns; j0 += width) {
    const int n = std::min(width, columns - j0);
    for (int i0 = 0; i0 < rows; i0 += kRows) {
      const int m = std::min(kRows, rows - i0);
      for (int k0 = 0; k0 < K; k0 += kSliceTerms) {
        const int terms = std::min(kSliceTerms, K - k0);
        for (int j = 0; j < n; ++j) {
          dot_block(a + i0 * lda + k0, lda, m, b + (j0 + j) * 2 * stride + k0, stride, 2, terms, &part[0][0][j], 2 * kColumns,
                    kColumns);
        }
        for (int i = 0; i < m; ++i) {
          const std::int32_t* hi = part[i][0];
          const std::int32_t* lo = part[i][1];
          if (k0 == 0) {
            for (int j = 0; j < n; ++j) sum[i][j] = static_cast<double>(hi[j]) * 256.0 + static_cast<double>(lo[j]);
          } else {
            for (int j = 0; j < n; ++j) sum[i][j] += static_cast<double>(hi[j]) * 256.0 + static_cast<double>(lo[j]);
          }
        }
      }
      for (int i = 0; i < m; ++i) store(i0 + i, j0, n, sum[i]);
    }
  }
}

/**
 * The same for short sums (a LoRA rank): b holds unsliced mantissas with the columns along a row, [K, ldb]. Sums in
 * double, where every product and sum is an exact integer below 2^53.
 */
template <class Store>
void product_short(const std::int16_t* a, std::size_t lda, int rows, const std::int16_t* b, std::size_t ldb, int columns, int K,
                   Arena& arena, Store store) {
  constexpr int kColumns = 16;
  Arena::Mark mark(arena);
  double* panel = arena.get<double>(static_cast<std::size_t>(K) * kColumns);
  for (int j0 = 0; j0 < columns; j0 += kColumns) {
    const int n = std::min(kColumns, columns - j0);
    for (int k = 0; k < K; ++k) {
      for (int j = 0; j < kColumns; ++j) panel[k * kColumns + j] = j < n ? b[k * ldb + j0 + j] : 0;
    }
    for (int i = 0; i < rows; ++i) {
      double sum[kColumns] = {};
      for (int k = 0; k < K; ++k) {
        const double x = a[i * lda + k];
        for (int j = 0; j < kColumns; ++j) sum[j] += x * panel[k * kColumns + j];
      }
      if (n == kColumns) {
        store(i, j0, kColumns, sum);
      } else {
        store(i, j0, n, sum);
      }
    }
  }
}

/** Σ a_k · b_k of two rows of mantissas, K a multiple of kPad. */
inline std::int64_t dot_mantissas(const std::int16_t* __restrict a, const std::int16_t* __restrict b, int K) {
  std::int64_t sum = 0;
  for (int k0 = 0; k0 < K; k0 += kSliceTerms) {
    const int end = std::min(K, k0 + kSliceTerms);
    std::int32_t high = 0, low = 0;
    for (int k = k0; k < end; ++k) {
      const std::int16_t hi = static_cast<std::int16_t>(static_cast<std::int16_t>(b[k] + 128) >> 8);
      const std::int16_t lo = static_cast<std::int16_t>(b[k] - hi * 256);
      high += static_cast<std::int32_t>(a[k]) * hi;
      low += static_cast<std::int32_t>(a[k]) * lo;
    }
    sum += static_cast<std::int64_t>(high) * 256 + low;
  }
  return sum;
}

/** Slices n mantissas: q = 256·hi + lo, hi and lo within int8. */
inline void slice(const std::int16_t* __restrict q, int n, std::int16_t* __restrict hi, std::int16_t* __restrict lo) {
  for (int k = 0; k < n; ++k) {
    const std::int16_t h = static_cast<std::int16_t>(static_cast<std::int16_t>(q[k] + 128) >> 8);
    hi[k] = h;
    lo[k] = static_cast<std::int16_t>(q[k] - h * 256);
  }
}

}  // namespace r3mes::cpu

// Exact integer matrix products. In which order the integers are added is of no importance, so every instruction set has
// inner loops of its own (micro.h) behind the same packed operand.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "arena.h"
#include "micro.h"

namespace r3mes::cpu {

/** Rows of int16 are padded with zeros to a multiple of this. */
constexpr int kPad = 8;
inline int padded(int n) { return (n + kPad - 1) / kPad * kPad; }

/** Longest sum of int16 × int8 that int32 holds: 32,639 · 128 · 512 < 2^31. */
constexpr int kSliceTerms = 512;

/**
 * The right operand of a product, mantissas [K, columns] in panels of kLanes columns: of each panel the terms two by two,
 * [padded(K) / 2][kLanes][2]. Missing terms and columns are zeros.
 */
struct Panels {
  std::int16_t* q;
  int terms;  // padded(K)

  std::int16_t* panel(int index) const { return q + static_cast<std::size_t>(index) * terms * kLanes; }
};

inline int panel_count(int columns) { return (columns + kLanes - 1) / kLanes; }
inline std::size_t panels_size(int K, int columns) { return static_cast<std::size_t>(panel_count(columns)) * padded(K) * kLanes; }
inline Panels take_panels(Arena& arena, int K, int columns) { return Panels{arena.get<std::int16_t>(panels_size(K, columns)), padded(K)}; }

/** Packs rows of mantissas [columns][stride], each padded with zeros to padded(K): the terms lie along a row. */
inline void pack_rows(const std::int16_t* rows, std::size_t stride, int columns, int K, Panels to) {
  const int pairs = padded(K) / 2;
  for (int j0 = 0; j0 < columns; j0 += kLanes) {
    std::int16_t* panel = to.panel(j0 / kLanes);
    const int n = std::min(kLanes, columns - j0);
    for (int c = 0; c < kLanes; ++c) {
      const std::int16_t* row = rows + (j0 + std::min(c, n - 1)) * stride;
      for (int p = 0; p < pairs; ++p) {
        std::int16_t* pair = panel + (p * kLanes + c) * 2;
        pair[0] = c < n ? row[2 * p] : std::int16_t{0};
        pair[1] = c < n ? row[2 * p + 1] : std::int16_t{0};
      }
    }
  }
}

/** Packs mantissas [K][stride]: the columns lie along a row. */
inline void pack_columns(const std::int16_t* rows, std::size_t stride, int columns, int K, Panels to) {
  const int pairs = padded(K) / 2;
  for (int j0 = 0; j0 < columns; j0 += kLanes) {
    std::int16_t* panel = to.panel(j0 / kLanes);
    const int n = std::min(kLanes, columns - j0);
    for (int p = 0; p < pairs; ++p) {
      std::int16_t* pair = panel + p * kLanes * 2;
      for (int half = 0; half < 2; ++half) {
        const std::int16_t* row = rows + (2 * p + half) * stride + j0;
        const int count = 2 * p + half < K ? n : 0;
        for (int c = 0; c < count; ++c) pair[2 * c + half] = row[c];
        for (int c = count; c < kLanes; ++c) pair[2 * c + half] = 0;
      }
    }
  }
}

/**
 * The exact sums Σ_k a_ik · b_kj of mantissas, k < padded(K), handed to `store(i, j0, n, v)` as doubles v[0..n) for the
 * columns j0..j0+n of row i. a: [rows][lda], zeros from K on. |Σ| < 2^30·K < 2^53 for K < 2^23, so double is exact.
 */
template <class Store>
void product(const std::int16_t* a, std::size_t lda, int rows, const std::int16_t* panels, int terms, int columns, int K, Store store) {
  std::int32_t hi[kMicroRows][kLanes], lo[kMicroRows][kLanes];
  double sum[kMicroRows][kLanes];
  const int all = padded(K);
  for (int j0 = 0; j0 < columns; j0 += kLanes) {
    const std::int16_t* panel = panels + static_cast<std::size_t>(j0 / kLanes) * terms * kLanes;
    const int n = std::min(kLanes, columns - j0);
    for (int i0 = 0; i0 < rows; i0 += kMicroRows) {
      const int m = std::min(kMicroRows, rows - i0);
      for (int k0 = 0; k0 < all; k0 += kSliceTerms) {
        const int part = std::min(kSliceTerms, all - k0);
        panel_sums(a + i0 * lda + k0, lda, m, panel + static_cast<std::size_t>(k0) * kLanes, part / 2, hi, lo);
        for (int i = 0; i < m; ++i) {
          if (k0 == 0) {
            for (int c = 0; c < kLanes; ++c) sum[i][c] = static_cast<double>(hi[i][c]) * 256.0 + static_cast<double>(lo[i][c]);
          } else {
            for (int c = 0; c < kLanes; ++c) sum[i][c] += static_cast<double>(hi[i][c]) * 256.0 + static_cast<double>(lo[i][c]);
          }
        }
      }
      for (int i = 0; i < m; ++i) {
        if (n == kLanes) {
          store(i0 + i, j0, kLanes, sum[i]);
        } else {
          store(i0 + i, j0, n, sum[i]);
        }
      }
    }
  }
}

template <class Store>
void product(const std::int16_t* a, std::size_t lda, int rows, const Panels& b, int columns, int K, Store store) {
  product(a, lda, rows, b.q, b.terms, columns, K, store);
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

}  // namespace r3mes::cpu

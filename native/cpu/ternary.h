// Ternary weights: two bits each at rest, unpacked in registers or in scratch when they are used.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "arena.h"
#include "memory.h"
#include "product.h"

namespace r3mes::cpu {

/**
 * W [rows, columns] ∈ {−1, 0, 1} in groups of 64 rows, and in a group four columns after four: 64 bytes, of which byte
 * 4·L + s holds row 16·i + L of the group at column s in bits 2i..2i+1, as w + 1. Missing rows and columns are zeros.
 */
class TernaryMatrix {
 public:
  static constexpr int kGroup = 64;
  /** End of a range of rows that is the end of the matrix. */
  static constexpr int kAll = 0x7fffffff;

  TernaryMatrix() = default;
  TernaryMatrix(int rows, int columns);

  int rows() const { return rows_; }
  int columns() const { return columns_; }
  std::size_t size_bytes() const { return packed_.size(); }
  /** Columns of a row in units of four. */
  int quads() const { return quads_; }

  void set(int row, int column, int weight) {
    std::uint8_t& byte = packed_[at(row, column)];
    const int shift = 2 * (row % kGroup / 16);
    byte = static_cast<std::uint8_t>((byte & ~(3 << shift)) | ((weight + 1) << shift));
  }

  int get(int row, int column) const { return ((packed_[at(row, column)] >> (2 * (row % kGroup / 16))) & 3) - 1; }

  /** The packed weights of rows [64·group, 64·group + 64). */
  const std::uint8_t* group(int index) const { return packed_.data() + static_cast<std::size_t>(index) * quads_ * kGroup; }

  /** Rows [first, first + count) of one group as int16, each padded with zeros to padded(columns). */
  void expand(int first, int count, std::int16_t* out) const;

  TernaryMatrix transposed() const;

 private:
  std::size_t at(int row, int column) const {
    return (static_cast<std::size_t>(row / kGroup) * quads_ + column / 4) * kGroup + 4 * (row % 16) + column % 4;
  }

  int rows_ = 0;
  int columns_ = 0;
  int quads_ = 0;
  std::vector<std::uint8_t, LargeAllocator<std::uint8_t>> packed_;
};

/** How large the integers of the left operand are. */
enum class Width {
  kInt8,   // act8
  kInt16,  // mantissas of row16
};

#ifdef R3MES_TERNARY_BYTES

/** Rows of int16 as int8, or as their slices hi and lo with q = 256·hi + lo; and their sums, which w + 1 adds too often. */
struct ByteRows {
  std::int8_t* hi;
  std::int8_t* lo;  // null for Width::kInt8
  std::int32_t* sum;
  std::size_t stride;
};

inline ByteRows take_byte_rows(const std::int16_t* a, std::size_t lda, int rows, int K, Width width, Arena& arena) {
  const std::size_t stride = static_cast<std::size_t>(padded(K));
  ByteRows out{arena.get<std::int8_t>(rows * stride), nullptr, arena.get<std::int32_t>(rows), stride};
  if (width == Width::kInt16) out.lo = arena.get<std::int8_t>(rows * stride);
  for (int i = 0; i < rows; ++i) {
    const std::int16_t* row = a + i * lda;
    std::int8_t* hi = out.hi + i * stride;
    std::int32_t sum = 0;
    for (std::size_t k = 0; k < stride; ++k) sum += row[k];
    out.sum[i] = sum;
    if (width == Width::kInt8) {
      for (std::size_t k = 0; k < stride; ++k) hi[k] = static_cast<std::int8_t>(row[k]);
      continue;
    }
    std::int8_t* lo = out.lo + i * stride;
    for (std::size_t k = 0; k < stride; ++k) {
      hi[k] = static_cast<std::int8_t>(static_cast<std::int16_t>(row[k] + 128) >> 8);
      lo[k] = static_cast<std::int8_t>(row[k]);
    }
  }
  return out;
}

/**
 * The exact sums Σ_k a_ik · W_ok for the rows o of W in [first, end), handed to `store(i, o0, n, v)` as int32 v[0..n).
 * a: int16 [rows, lda], padded like W; `first` is a multiple of kGroup.
 * int32 holds them: 128 · 2^17 for act8 and 32,639 · 65,793 for row16 are below 2^31; so are the sums of a slice with w + 1.
 */
template <class Store>
void product_ternary(const std::int16_t* a, std::size_t lda, int rows, const TernaryMatrix& w, Width width, Arena& arena, Store store,
                     int first = 0, int end = TernaryMatrix::kAll) {
  constexpr int kGroup = TernaryMatrix::kGroup;
  Arena::Mark mark(arena);
  const ByteRows bytes = take_byte_rows(a, lda, rows, w.columns(), width, arena);
  std::int32_t sums[kTernaryRows][kGroup], low[kTernaryRows][kGroup];
  const int last = std::min(end, w.rows());
  for (int o0 = first; o0 < last; o0 += kGroup) {
    const std::uint8_t* group = w.group(o0 / kGroup);
    const int n = std::min(kGroup, last - o0);
    for (int i0 = 0; i0 < rows; i0 += kTernaryRows) {
      const int m = std::min(kTernaryRows, rows - i0);
      ternary_sums(bytes.hi + i0 * bytes.stride, bytes.stride, m, group, w.quads(), sums);
      if (width == Width::kInt16) {
        ternary_sums(bytes.lo + i0 * bytes.stride, bytes.stride, m, group, w.quads(), low);
        for (int i = 0; i < m; ++i) {
          for (int o = 0; o < kGroup; ++o) sums[i][o] = static_cast<std::int32_t>(static_cast<std::uint32_t>(sums[i][o]) * 256u + static_cast<std::uint32_t>(low[i][o]));
        }
      }
      for (int i = 0; i < m; ++i) {
        const std::uint32_t extra = static_cast<std::uint32_t>(bytes.sum[i0 + i]);
        for (int o = 0; o < kGroup; ++o) sums[i][o] = static_cast<std::int32_t>(static_cast<std::uint32_t>(sums[i][o]) - extra);
        if (n == kGroup) {
          store(i0 + i, o0, kGroup, sums[i]);
        } else {
          store(i0 + i, o0, n, sums[i]);
        }
      }
    }
  }
}

#else

/** c[m][n] = Σ_k a[m·lda + k] · b[n·ldb + k]; K a multiple of kPad. */
template <int M, int N>
inline void dot_tile(const std::int16_t* __restrict a, std::size_t lda, const std::int16_t* __restrict b, std::size_t ldb, int K,
                     std::int32_t* __restrict c, std::size_t ldc) {
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
    for (int n = 0; n < N; ++n) c[m * ldc + n] = sum[m][n];
  }
}

/** As above; here the weights become int16 in scratch. */
template <class Store>
void product_ternary(const std::int16_t* a, std::size_t lda, int rows, const TernaryMatrix& w, Width, Arena& arena, Store store,
                     int first = 0, int end = TernaryMatrix::kAll) {
  constexpr int kColumns = 32, kRows = 16;
  const int K = padded(w.columns());
  Arena::Mark mark(arena);
  std::int16_t* panel = arena.get<std::int16_t>(static_cast<std::size_t>(kColumns) * K);
  std::int32_t sum[kRows][kColumns];
  const int last = std::min(end, w.rows());
  for (int o0 = first; o0 < last; o0 += kColumns) {
    const int n = std::min(kColumns, last - o0);
    w.expand(o0, n, panel);
    for (int i0 = 0; i0 < rows; i0 += kRows) {
      const int m = std::min(kRows, rows - i0);
      int o = 0;
      for (; o + 2 <= n; o += 2) {
        int i = 0;
        for (; i + 4 <= m; i += 4) dot_tile<4, 2>(a + (i0 + i) * lda, lda, panel + o * K, K, K, sum[i] + o, kColumns);
        for (; i < m; ++i) dot_tile<1, 2>(a + (i0 + i) * lda, lda, panel + o * K, K, K, sum[i] + o, kColumns);
      }
      for (int i = 0; o < n && i < m; ++i) dot_tile<1, 1>(a + (i0 + i) * lda, lda, panel + o * K, K, K, sum[i] + o, kColumns);
      for (int i = 0; i < m; ++i) store(i0 + i, o0, n, sum[i]);
    }
  }
}

#endif

}  // namespace r3mes::cpu

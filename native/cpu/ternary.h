// Ternary weights: two bits each at rest, int16 in scratch when they are used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "arena.h"
#include "product.h"

namespace r3mes::cpu {

/** W [rows, columns] ∈ {−1, 0, 1}: bits 2i..2i+1 of a byte hold weight 4·byte + i of the row as w + 1; rows end with zeros. */
class TernaryMatrix {
 public:
  TernaryMatrix() = default;
  TernaryMatrix(int rows, int columns);

  int rows() const { return rows_; }
  int columns() const { return columns_; }
  std::size_t size_bytes() const { return packed_.size(); }

  void set(int row, int column, int weight) {
    std::uint8_t& byte = packed_[row * row_bytes_ + column / 4];
    const int shift = 2 * (column % 4);
    byte = static_cast<std::uint8_t>((byte & ~(3 << shift)) | ((weight + 1) << shift));
  }

  /** Rows [first, first + count) as int16, each padded with zeros to padded(columns). */
  void expand(int first, int count, std::int16_t* out) const;

  TernaryMatrix transposed() const;

 private:
  int rows_ = 0;
  int columns_ = 0;
  std::size_t row_bytes_ = 0;
  std::vector<std::uint8_t> packed_;
};

/**
 * The exact sums Σ_k a_ik · W_ok, handed to `store(i, o0, n, v)` as int32 v[0..n). a: int16 [rows, lda], padded like W.
 * int32 holds them: 128 · 2^17 for act8 and 32,639 · 65,793 for row16 are below 2^31.
 */
template <class Store>
void product_ternary(const std::int16_t* a, std::size_t lda, int rows, const TernaryMatrix& w, Arena& arena, Store store) {
  constexpr int kColumns = 32, kRows = 16;
  const int K = padded(w.columns());
  Arena::Mark mark(arena);
  std::int16_t* panel = arena.get<std::int16_t>(static_cast<std::size_t>(kColumns) * K);
  std::int32_t sum[kRows][kColumns];
  for (int o0 = 0; o0 < w.rows(); o0 += kColumns) {
    const int n = w.rows() - o0 < kColumns ? w.rows() - o0 : kColumns;
    w.expand(o0, n, panel);
    for (int i0 = 0; i0 < rows; i0 += kRows) {
      const int m = rows - i0 < kRows ? rows - i0 : kRows;
      dot_block(a + i0 * lda, lda, m, panel, K, n, K, sum[0], kColumns, 1);
      for (int i = 0; i < m; ++i) store(i0 + i, o0, n, sum[i]);
    }
  }
}

}  // namespace r3mes::cpu

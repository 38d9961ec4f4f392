// Inner loops in plain C++: the definition of what the others compute.
#pragma once

#include <cstddef>
#include <cstdint>

namespace r3mes::cpu {

/** Columns of a panel. */
constexpr int kLanes = 16;
/** Rows of one call of `panel_sums`. */
constexpr int kMicroRows = 4;

template <int R>
inline void panel_sums_of(const std::int16_t* __restrict a, std::size_t lda, const std::int16_t* __restrict panel, int pairs,
                          std::int32_t (*__restrict hi)[kLanes], std::int32_t (*__restrict lo)[kLanes]) {
  std::int32_t high[R][kLanes] = {}, low[R][kLanes] = {};
  for (int p = 0; p < pairs; ++p) {
    const std::int16_t* b = panel + p * kLanes * 2;
    for (int half = 0; half < 2; ++half) {
      std::int16_t h[kLanes], l[kLanes];
      for (int c = 0; c < kLanes; ++c) {
        h[c] = static_cast<std::int16_t>(static_cast<std::int16_t>(b[2 * c + half] + 128) >> 8);
        l[c] = static_cast<std::int16_t>(b[2 * c + half] - h[c] * 256);
      }
      for (int r = 0; r < R; ++r) {
        const std::int16_t x = a[r * lda + 2 * p + half];
        for (int c = 0; c < kLanes; ++c) high[r][c] += static_cast<std::int32_t>(x) * static_cast<std::int32_t>(h[c]);
        for (int c = 0; c < kLanes; ++c) low[r][c] += static_cast<std::int32_t>(x) * static_cast<std::int32_t>(l[c]);
      }
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int c = 0; c < kLanes; ++c) {
      hi[r][c] = high[r][c];
      lo[r][c] = low[r][c];
    }
  }
}

/**
 * hi[r][c] = Σ_k a[r][k] · h[k][c] and lo the same with l, for 2·pairs terms, where the panel's mantissa is 256·h + l with
 * h and l within int8. `rows` is 1 … kMicroRows, pairs at most 256.
 */
inline void panel_sums(const std::int16_t* a, std::size_t lda, int rows, const std::int16_t* panel, int pairs,
                       std::int32_t (*hi)[kLanes], std::int32_t (*lo)[kLanes]) {
  if (rows == 4) return panel_sums_of<4>(a, lda, panel, pairs, hi, lo);
  for (int r = 0; r < rows; ++r) panel_sums_of<1>(a + r * lda, lda, panel, pairs, hi + r, lo + r);
}

}  // namespace r3mes::cpu

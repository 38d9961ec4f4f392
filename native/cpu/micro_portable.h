// Inner loops in plain C++: the definition of what the others compute.
#pragma once

#include <cstddef>
#include <cstdint>

namespace r3mes::cpu {

/** Columns of a panel. */
constexpr int kLanes = 16;
/** Most rows of one call of `tile_block`, and most panels. */
constexpr int kMicroRows = 4;
constexpr int kMicroPanels = 1;
/** int16 that four terms of a panel take: [2][kLanes][2] mantissas, and for AVX-512 their high slices. */
constexpr int kQuadWords = 64;
constexpr bool kQuadHasSlices = false;
/** Most terms of one call of `tile_block`: 32,639 · 128 · 512 < 2^31. */
constexpr int kBlockTerms = 512;

/**
 * high · 2^16 + low = 256 · hi + lo with 0 ≤ low < 2^16. No sum overflows: |lo| + 255 · 256 is below 2^31 as well.
 */
inline void normalize(std::int32_t hi, std::int32_t lo, std::int32_t* high, std::int32_t* low) {
  const std::int32_t rest = (hi & 255) * 256 + lo;
  *high = (hi >> 8) + (rest >> 16);
  *low = rest & 0xffff;
}

template <int R>
inline void tile_block_of(const std::int16_t* __restrict a, std::size_t lda, const std::int16_t* __restrict panel, int quads,
                          std::int32_t (*__restrict high)[kLanes], std::int32_t (*__restrict low)[kLanes]) {
  std::int32_t hi[R][kLanes] = {}, lo[R][kLanes] = {};
  for (int p = 0; p < 2 * quads; ++p) {
    const std::int16_t* b = panel + p * kLanes * 2;
    for (int half = 0; half < 2; ++half) {
      std::int16_t h[kLanes], l[kLanes];
      for (int c = 0; c < kLanes; ++c) {
        h[c] = static_cast<std::int16_t>(static_cast<std::int16_t>(b[2 * c + half] + 128) >> 8);
        l[c] = static_cast<std::int16_t>(b[2 * c + half] - h[c] * 256);
      }
      for (int r = 0; r < R; ++r) {
        const std::int16_t x = a[r * lda + 2 * p + half];
        for (int c = 0; c < kLanes; ++c) hi[r][c] += static_cast<std::int32_t>(x) * static_cast<std::int32_t>(h[c]);
        for (int c = 0; c < kLanes; ++c) lo[r][c] += static_cast<std::int32_t>(x) * static_cast<std::int32_t>(l[c]);
      }
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int c = 0; c < kLanes; ++c) normalize(hi[r][c], lo[r][c], &high[r * kMicroPanels][c], &low[r * kMicroPanels][c]);
  }
}

/**
 * The sums Σ_k a[r][k] · b[k][c] of 4·quads ≤ kBlockTerms terms as high · 2^16 + low with 0 ≤ low < 2^16, for rows
 * r < `rows` ≤ kMicroRows and the lanes c of `panels` ≤ kMicroPanels panels; those of row r and panel p stand in
 * high[r · kMicroPanels + p]. The
 * slices of the left rows are for instruction sets that use them.
 */
inline void tile_block(const std::int16_t* a, const std::uint8_t*, std::size_t lda, int rows, const std::int16_t* panel, std::size_t, int,
                       int quads, std::int32_t (*high)[kLanes], std::int32_t (*low)[kLanes]) {
  if (rows == 4) return tile_block_of<4>(a, lda, panel, quads, high, low);
  for (int r = 0; r < rows; ++r) tile_block_of<1>(a + r * lda, lda, panel, quads, high + r, low + r);
}

}  // namespace r3mes::cpu

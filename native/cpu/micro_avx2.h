// Inner loops for AVX2. No saturating instruction is given anything that could saturate; the bounds stand beside them.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace r3mes::cpu {

constexpr int kLanes = 16;
constexpr int kMicroRows = 4;
constexpr int kMicroPanels = 1;
constexpr int kQuadWords = 64;
constexpr bool kQuadHasSlices = false;
constexpr int kBlockTerms = 512;
/** Weights are taken as bytes w + 1, four terms at a time. */
#define R3MES_TERNARY_BYTES 1
constexpr int kTernaryRows = 2;

inline __m256i broadcast_pair(const std::int16_t* a) {
  std::int32_t pair;
  __builtin_memcpy(&pair, a, sizeof pair);
  return _mm256_set1_epi32(pair);
}

inline __m256i broadcast_quad(const std::int8_t* a) {
  std::int32_t quad;
  __builtin_memcpy(&quad, a, sizeof quad);
  return _mm256_set1_epi32(quad);
}

template <int R>
inline void tile_block_of(const std::int16_t* a, std::size_t lda, const std::int16_t* panel, int quads, std::int32_t (*high)[kLanes],
                          std::int32_t (*low)[kLanes]) {
  // Eight columns at a time: R · 2 sums, the slices and the products fit into 16 registers.
  for (int half = 0; half < 2; ++half) {
    __m256i hi[R], lo[R];
    for (int r = 0; r < R; ++r) hi[r] = lo[r] = _mm256_setzero_si256();
    const std::int16_t* b = panel + half * kLanes;
    const __m256i round = _mm256_set1_epi16(128);
    for (int p = 0; p < 2 * quads; ++p, b += kLanes * 2) {
      const __m256i q = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(b));
      const __m256i h = _mm256_srai_epi16(_mm256_add_epi16(q, round), 8);
      const __m256i l = _mm256_srai_epi16(_mm256_slli_epi16(q, 8), 8);
      for (int r = 0; r < R; ++r) {
        const __m256i x = broadcast_pair(a + r * lda + 2 * p);
        hi[r] = _mm256_add_epi32(hi[r], _mm256_madd_epi16(x, h));
        lo[r] = _mm256_add_epi32(lo[r], _mm256_madd_epi16(x, l));
      }
    }
    for (int r = 0; r < R; ++r) {
      // As `normalize` of micro_portable.h.
      const __m256i rest = _mm256_add_epi32(_mm256_slli_epi32(_mm256_and_si256(hi[r], _mm256_set1_epi32(255)), 8), lo[r]);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(high[r] + half * 8),
                          _mm256_add_epi32(_mm256_srai_epi32(hi[r], 8), _mm256_srai_epi32(rest, 16)));
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(low[r] + half * 8), _mm256_and_si256(rest, _mm256_set1_epi32(0xffff)));
    }
  }
}

/** See micro_portable.h. */
inline void tile_block(const std::int16_t* a, const std::uint8_t*, std::size_t lda, int rows, const std::int16_t* panel, std::size_t, int,
                       int quads, std::int32_t (*high)[kLanes], std::int32_t (*low)[kLanes]) {
  switch (rows) {
    case 1: return tile_block_of<1>(a, lda, panel, quads, high, low);
    case 2: return tile_block_of<2>(a, lda, panel, quads, high, low);
    case 3: return tile_block_of<3>(a, lda, panel, quads, high, low);
    default: return tile_block_of<4>(a, lda, panel, quads, high, low);
  }
}

/**
 * sums[r][o] = Σ_k a[r][k] · (w + 1) for 64 outputs and 4·quads terms. A quad's 64 bytes hold, in byte 4·L + s, the codes of
 * output 16·i + L at term s in bits 2i..2i+1.
 */
inline void ternary_sums(const std::int8_t* a, std::size_t lda, int rows, const std::uint8_t* group, int quads, std::int32_t (*sums)[64]) {
  // 31 products of u8 ≤ 2 and s8, two a lane: |Σ| ≤ 31 · 2 · 2 · 128 = 15,872 < 2^15.
  constexpr int kWiden = 31;
  const __m256i mask = _mm256_set1_epi8(3), ones = _mm256_set1_epi16(1);
  for (int r = 0; r < rows; ++r) {
    for (int half = 0; half < 2; ++half) {
      __m256i wide[4];
      for (int i = 0; i < 4; ++i) wide[i] = _mm256_setzero_si256();
      for (int q0 = 0; q0 < quads; q0 += kWiden) {
        const int end = q0 + kWiden < quads ? q0 + kWiden : quads;
        __m256i narrow[4];
        for (int i = 0; i < 4; ++i) narrow[i] = _mm256_setzero_si256();
        for (int q = q0; q < end; ++q) {
          const __m256i packed = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(group + 64 * q + 32 * half));
          const __m256i x = broadcast_quad(a + r * lda + 4 * q);
          narrow[0] = _mm256_add_epi16(narrow[0], _mm256_maddubs_epi16(_mm256_and_si256(packed, mask), x));
          narrow[1] = _mm256_add_epi16(narrow[1], _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(packed, 2), mask), x));
          narrow[2] = _mm256_add_epi16(narrow[2], _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(packed, 4), mask), x));
          narrow[3] = _mm256_add_epi16(narrow[3], _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(packed, 6), mask), x));
        }
        for (int i = 0; i < 4; ++i) wide[i] = _mm256_add_epi32(wide[i], _mm256_madd_epi16(narrow[i], ones));
      }
      for (int i = 0; i < 4; ++i) _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums[r] + 16 * i + 8 * half), wide[i]);
    }
  }
}

}  // namespace r3mes::cpu

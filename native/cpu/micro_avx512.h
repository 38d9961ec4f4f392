// Inner loops for AVX-512 with VNNI. vpdpbusd and vpdpwssd add without saturation.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace r3mes::cpu {

constexpr int kLanes = 16;
constexpr int kMicroRows = 8;
/** Weights are taken as bytes w + 1, four terms at a time. */
#define R3MES_TERNARY_BYTES 1
constexpr int kTernaryRows = 6;

inline __m512i broadcast_pair(const std::int16_t* a) {
  std::int32_t pair;
  __builtin_memcpy(&pair, a, sizeof pair);
  return _mm512_set1_epi32(pair);
}

inline __m512i broadcast_quad(const std::int8_t* a) {
  std::int32_t quad;
  __builtin_memcpy(&quad, a, sizeof quad);
  return _mm512_set1_epi32(quad);
}

template <int R>
inline void panel_sums_of(const std::int16_t* a, std::size_t lda, const std::int16_t* panel, int pairs, std::int32_t (*hi)[kLanes],
                          std::int32_t (*lo)[kLanes]) {
  __m512i high[R], low[R];
  for (int r = 0; r < R; ++r) high[r] = low[r] = _mm512_setzero_si512();
  const __m512i round = _mm512_set1_epi16(128);
  for (int p = 0; p < pairs; ++p) {
    const __m512i q = _mm512_loadu_si512(panel + p * kLanes * 2);
    const __m512i h = _mm512_srai_epi16(_mm512_add_epi16(q, round), 8);
    const __m512i l = _mm512_srai_epi16(_mm512_slli_epi16(q, 8), 8);
    for (int r = 0; r < R; ++r) {
      const __m512i x = broadcast_pair(a + r * lda + 2 * p);
      high[r] = _mm512_dpwssd_epi32(high[r], x, h);
      low[r] = _mm512_dpwssd_epi32(low[r], x, l);
    }
  }
  for (int r = 0; r < R; ++r) {
    _mm512_storeu_si512(hi[r], high[r]);
    _mm512_storeu_si512(lo[r], low[r]);
  }
}

/** See micro_portable.h. */
inline void panel_sums(const std::int16_t* a, std::size_t lda, int rows, const std::int16_t* panel, int pairs, std::int32_t (*hi)[kLanes],
                       std::int32_t (*lo)[kLanes]) {
  switch (rows) {
    case 1: return panel_sums_of<1>(a, lda, panel, pairs, hi, lo);
    case 2: return panel_sums_of<2>(a, lda, panel, pairs, hi, lo);
    case 3: return panel_sums_of<3>(a, lda, panel, pairs, hi, lo);
    case 4: return panel_sums_of<4>(a, lda, panel, pairs, hi, lo);
    case 5: return panel_sums_of<5>(a, lda, panel, pairs, hi, lo);
    case 6: return panel_sums_of<6>(a, lda, panel, pairs, hi, lo);
    case 7: return panel_sums_of<7>(a, lda, panel, pairs, hi, lo);
    default: return panel_sums_of<8>(a, lda, panel, pairs, hi, lo);
  }
}

template <int R>
inline void ternary_sums_of(const std::int8_t* a, std::size_t lda, const std::uint8_t* group, int quads, std::int32_t (*sums)[64]) {
  __m512i sum[R][4];
  for (int r = 0; r < R; ++r) {
    for (int i = 0; i < 4; ++i) sum[r][i] = _mm512_setzero_si512();
  }
  const __m512i mask = _mm512_set1_epi8(3);
  for (int q = 0; q < quads; ++q) {
    const __m512i packed = _mm512_loadu_si512(group + 64 * static_cast<std::size_t>(q));
    const __m512i w[4] = {_mm512_and_si512(packed, mask), _mm512_and_si512(_mm512_srli_epi16(packed, 2), mask),
                          _mm512_and_si512(_mm512_srli_epi16(packed, 4), mask), _mm512_and_si512(_mm512_srli_epi16(packed, 6), mask)};
    for (int r = 0; r < R; ++r) {
      const __m512i x = broadcast_quad(a + r * lda + 4 * q);
      for (int i = 0; i < 4; ++i) sum[r][i] = _mm512_dpbusd_epi32(sum[r][i], w[i], x);
    }
  }
  for (int r = 0; r < R; ++r) {
    for (int i = 0; i < 4; ++i) _mm512_storeu_si512(sums[r] + 16 * i, sum[r][i]);
  }
}

/** See micro_avx2.h. */
inline void ternary_sums(const std::int8_t* a, std::size_t lda, int rows, const std::uint8_t* group, int quads, std::int32_t (*sums)[64]) {
  switch (rows) {
    case 1: return ternary_sums_of<1>(a, lda, group, quads, sums);
    case 2: return ternary_sums_of<2>(a, lda, group, quads, sums);
    case 3: return ternary_sums_of<3>(a, lda, group, quads, sums);
    case 4: return ternary_sums_of<4>(a, lda, group, quads, sums);
    case 5: return ternary_sums_of<5>(a, lda, group, quads, sums);
    default: return ternary_sums_of<6>(a, lda, group, quads, sums);
  }
}

}  // namespace r3mes::cpu

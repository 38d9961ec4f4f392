// Inner loops for AVX-512 with VNNI. vpdpbusd and vpdpwssd add without saturation.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

// GCC 12 warns of its own intrinsics where they are inlined (its bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

/** Large inner loops exist once, however many products call them. */
#define R3MES_APART __attribute__((noinline))
/** Arrays of registers are registers only where every index is known. */
#define R3MES_UNROLL _Pragma("GCC unroll 8")

namespace r3mes::cpu {

constexpr int kLanes = 16;
constexpr int kMicroRows = 6;
constexpr int kMicroPanels = 2;
/**
 * A quad holds, besides its mantissas, their high slices as int8. Then a sum of mantissas needs three instructions for two
 * times 32 products: the whole sum modulo 2^32, and Σ h·h of both sides exactly. What the second misses,
 * Σ (256·(h·l + l·h) + l·l), is at most 256 · 8,339,456 < 2^31 for 256 terms, so that the first tells it. The left slices
 * are bytes h + 128, and what that adds, 128 · Σ h of the column, is taken off at the end.
 */
constexpr int kQuadWords = 96;
constexpr bool kQuadHasSlices = true;
constexpr int kBlockTerms = 256;
/** Weights are taken as bytes w + 1, four terms at a time. */
#define R3MES_TERNARY_BYTES 1
constexpr int kTernaryRows = 6;
/** Where one row is multiplied, weights come from memory: how many bytes ahead they are asked for. */
constexpr int kTernaryAhead = 4096;

inline __m512i broadcast_pair(const std::int16_t* a) {
  std::int32_t pair;
  __builtin_memcpy(&pair, a, sizeof pair);
  return _mm512_set1_epi32(pair);
}

inline __m512i broadcast_quad(const void* a) {
  std::int32_t quad;
  __builtin_memcpy(&quad, a, sizeof quad);
  return _mm512_set1_epi32(quad);
}

/** Σ a·b modulo 2^32 in low[r][p], Σ of the slices' products and 128 · h in high[r][p], Σ h in column[p]. */
template <int R, int P>
R3MES_APART void raw_sums(const std::int16_t* a, const std::uint8_t* slices, std::size_t lda, const std::int16_t* panel, std::size_t panel_stride,
                          int quads, __m512i* high_out, __m512i* low_out, __m512i* column_out) {
  const __m512i ones = _mm512_set1_epi8(1);
  __m512i high[R][P], low[R][P], column[P];
  R3MES_UNROLL
  for (int p = 0; p < P; ++p) {
    column[p] = _mm512_setzero_si512();
    R3MES_UNROLL
    for (int r = 0; r < R; ++r) high[r][p] = low[r][p] = _mm512_setzero_si512();
  }
  for (int q = 0; q < quads; ++q, panel += kQuadWords, a += 4, slices += 4) {
    R3MES_UNROLL
    for (int half = 0; half < 2; ++half) {
      __m512i b[P];
      R3MES_UNROLL
      for (int p = 0; p < P; ++p) b[p] = _mm512_loadu_si512(panel + p * panel_stride + 32 * half);
      R3MES_UNROLL
      for (int r = 0; r < R; ++r) {
        const __m512i x = broadcast_pair(a + r * lda + 2 * half);
        R3MES_UNROLL
        for (int p = 0; p < P; ++p) low[r][p] = _mm512_dpwssd_epi32(low[r][p], b[p], x);
      }
    }
    __m512i h[P];
    R3MES_UNROLL
    for (int p = 0; p < P; ++p) {
      h[p] = _mm512_loadu_si512(panel + p * panel_stride + 64);
      column[p] = _mm512_dpbusd_epi32(column[p], ones, h[p]);
    }
    R3MES_UNROLL
    for (int r = 0; r < R; ++r) {
      const __m512i x = broadcast_quad(slices + r * lda);
      R3MES_UNROLL
      for (int p = 0; p < P; ++p) high[r][p] = _mm512_dpbusd_epi32(high[r][p], x, h[p]);
    }
  }
  R3MES_UNROLL
  for (int p = 0; p < P; ++p) {
    column_out[p] = column[p];
    R3MES_UNROLL
    for (int r = 0; r < R; ++r) {
      high_out[r * kMicroPanels + p] = high[r][p];
      low_out[r * kMicroPanels + p] = low[r][p];
    }
  }
}

/** Sums of R rows and P panels as high · 2^16 + low, 0 ≤ low < 2^16. */
template <int R, int P>
struct TileSums {
  __m512i high[R * kMicroPanels], low[R * kMicroPanels];

  void compute(const std::int16_t* a, const std::uint8_t* slices, std::size_t lda, const std::int16_t* panel, std::size_t panel_stride, int quads) {
    __m512i column[P];
    raw_sums<R, P>(a, slices, lda, panel, panel_stride, quads, high, low, column);
    const __m512i mask = _mm512_set1_epi32(0xffff);
    for (int r = 0; r < R; ++r) {
      for (int p = 0; p < P; ++p) {
        const int t = r * kMicroPanels + p;
        const __m512i slices_only = _mm512_sub_epi32(high[t], _mm512_slli_epi32(column[p], 7));
        const __m512i rest = _mm512_sub_epi32(low[t], _mm512_slli_epi32(slices_only, 16));
        high[t] = _mm512_add_epi32(slices_only, _mm512_srai_epi32(rest, 16));
        low[t] = _mm512_and_si512(rest, mask);
      }
    }
  }
};

template <int R, int P>
inline void tile_block_of(const std::int16_t* a, const std::uint8_t* slices, std::size_t lda, const std::int16_t* panel, std::size_t panel_stride,
                          int quads, std::int32_t (*high)[kLanes], std::int32_t (*low)[kLanes]) {
  TileSums<R, P> sums;
  sums.compute(a, slices, lda, panel, panel_stride, quads);
  for (int r = 0; r < R; ++r) {
    for (int p = 0; p < P; ++p) {
      _mm512_storeu_si512(high[r * kMicroPanels + p], sums.high[r * kMicroPanels + p]);
      _mm512_storeu_si512(low[r * kMicroPanels + p], sums.low[r * kMicroPanels + p]);
    }
  }
}

/** Both halves are exact in binary32, so their sum is rounded once; a power of two does not round. */
template <int R, int P>
inline void store_floats(const TileSums<R, P>& sums, float shift, const float* row_pow, const float* column_pow, float* out, std::size_t ldo) {
  for (int p = 0; p < P; ++p) {
    const __m512 pow = column_pow == nullptr ? _mm512_set1_ps(1.0f) : _mm512_loadu_ps(column_pow + p * kLanes);
    for (int r = 0; r < R; ++r) {
      const int t = r * kMicroPanels + p;
      const __m512 above = _mm512_mul_ps(_mm512_cvtepi32_ps(sums.high[t]), _mm512_set1_ps(shift));
      const __m512 sum = _mm512_add_ps(above, _mm512_cvtepi32_ps(sums.low[t]));
      _mm512_storeu_ps(out + r * ldo + p * kLanes, _mm512_mul_ps(sum, _mm512_mul_ps(pow, _mm512_set1_ps(row_pow[r]))));
    }
  }
}

template <int R, int P>
inline void tile_floats_of(const std::int16_t* a, const std::uint8_t* slices, std::size_t lda, const std::int16_t* panel, std::size_t panel_stride,
                           int terms, const float* row_pow, const float* column_pow, float* out, std::size_t ldo) {
  TileSums<R, P> sums;
  if (terms <= kBlockTerms) {
    sums.compute(a, slices, lda, panel, panel_stride, terms / 4);
    return store_floats(sums, 0x1p16f, row_pow, column_pow, out, ldo);
  }
  constexpr int kTiles = R * kMicroPanels;
  __m512i high[kTiles], low[kTiles];
  for (int t = 0; t < kTiles; ++t) high[t] = low[t] = _mm512_setzero_si512();
  for (int k0 = 0; k0 < terms; k0 += kBlockTerms) {
    const int quads = (terms - k0 < kBlockTerms ? terms - k0 : kBlockTerms) / 4;
    sums.compute(a + k0, slices + k0, lda, panel + static_cast<std::size_t>(k0) / 4 * kQuadWords, panel_stride, quads);
    for (int t = 0; t < kTiles; t += kMicroPanels / P) {
      high[t] = _mm512_add_epi32(high[t], sums.high[t]);
      low[t] = _mm512_add_epi32(low[t], sums.low[t]);
    }
  }
  for (int t = 0; t < kTiles; t += kMicroPanels / P) {
    const __m512i all = _mm512_add_epi32(high[t], _mm512_srai_epi32(low[t], 16));
    sums.low[t] = _mm512_or_si512(_mm512_slli_epi32(_mm512_and_si512(all, _mm512_set1_epi32(15)), 16),
                                  _mm512_and_si512(low[t], _mm512_set1_epi32(0xffff)));
    sums.high[t] = _mm512_srai_epi32(all, 4);
  }
  store_floats(sums, 0x1p20f, row_pow, column_pow, out, ldo);
}

/**
 * A quad of a panel from 16 columns of floats: rows k of x, times fold[k], times scale of the column, rounded. See
 * `quantize_quad` in product.h.
 */
#define R3MES_QUANTIZE_QUAD 1
inline void quantize_quad(const float* x, std::size_t ldx, const float* fold, const float* scale, std::int16_t* quad) {
  const __m512 column = _mm512_loadu_ps(scale), magic = _mm512_set1_ps(12582912.0f);
  __m512i q[4];
  R3MES_UNROLL
  for (int k = 0; k < 4; ++k) {
    const __m512 value = _mm512_mul_ps(_mm512_mul_ps(_mm512_loadu_ps(x + k * ldx), _mm512_set1_ps(fold[k])), column);
    q[k] = _mm512_castps_si512(_mm512_add_ps(value, magic));  // the integer stands in the low bits: see rne_int
  }
  const __mmask32 odd = 0xaaaaaaaau;
  const __m512i first = _mm512_mask_mov_epi16(q[0], odd, _mm512_slli_epi32(q[1], 16));
  const __m512i second = _mm512_mask_mov_epi16(q[2], odd, _mm512_slli_epi32(q[3], 16));
  const __m512i round = _mm512_set1_epi16(128);
  // Slices of terms 0, 2, 1, 3 of a column, then in order.
  const __m512i mixed = _mm512_mask_mov_epi8(_mm512_srli_epi16(_mm512_add_epi16(first, round), 8), 0xaaaaaaaaaaaaaaaau, _mm512_add_epi16(second, round));
  const __m512i order = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 2, 1, 3, 4, 6, 5, 7, 8, 10, 9, 11, 12, 14, 13, 15));
  _mm512_storeu_si512(quad, first);
  _mm512_storeu_si512(quad + 32, second);
  _mm512_storeu_si512(quad + 64, _mm512_shuffle_epi8(mixed, order));
}

#define R3MES_TILE_SWITCH(function, rows, panels, ...)                                                                    \
  switch (2 * (rows) + (panels)) {                                                                                        \
    case 3: return function<1, 1>(__VA_ARGS__);                                                                           \
    case 4: return function<1, 2>(__VA_ARGS__);                                                                           \
    case 5: return function<2, 1>(__VA_ARGS__);                                                                           \
    case 6: return function<2, 2>(__VA_ARGS__);                                                                           \
    case 7: return function<3, 1>(__VA_ARGS__);                                                                           \
    case 8: return function<3, 2>(__VA_ARGS__);                                                                           \
    case 9: return function<4, 1>(__VA_ARGS__);                                                                           \
    case 10: return function<4, 2>(__VA_ARGS__);                                                                          \
    case 11: return function<5, 1>(__VA_ARGS__);                                                                          \
    case 12: return function<5, 2>(__VA_ARGS__);                                                                          \
    case 13: return function<6, 1>(__VA_ARGS__);                                                                          \
    default: return function<6, 2>(__VA_ARGS__);                                                                          \
  }

/** See micro_portable.h. */
inline void tile_block(const std::int16_t* a, const std::uint8_t* slices, std::size_t lda, int rows, const std::int16_t* panel,
                       std::size_t panel_stride, int panels, int quads, std::int32_t (*high)[kLanes], std::int32_t (*low)[kLanes]) {
  R3MES_TILE_SWITCH(tile_block_of, rows, panels, a, slices, lda, panel, panel_stride, quads, high, low)
}

/** The whole of a product of at most kFloatTerms terms; see `tile_floats` in product.h. */
#define R3MES_TILE_FLOATS 1
inline void tile_floats(const std::int16_t* a, const std::uint8_t* slices, std::size_t lda, int rows, const std::int16_t* panel,
                        std::size_t panel_stride, int panels, int terms, const float* row_pow, const float* column_pow, float* out,
                        std::size_t ldo) {
  R3MES_TILE_SWITCH(tile_floats_of, rows, panels, a, slices, lda, panel, panel_stride, terms, row_pow, column_pow, out, ldo)
}

template <int R>
inline void ternary_sums_of(const std::int8_t* a, std::size_t lda, const std::uint8_t* group, int quads, std::int32_t (*sums)[64]) {
  __m512i sum[R][4];
  R3MES_UNROLL
  for (int r = 0; r < R; ++r) {
    R3MES_UNROLL
    for (int i = 0; i < 4; ++i) sum[r][i] = _mm512_setzero_si512();
  }
  const __m512i mask = _mm512_set1_epi8(3);
  for (int q = 0; q < quads; ++q) {
    const std::uint8_t* at = group + 64 * static_cast<std::size_t>(q);
    if (R == 1) _mm_prefetch(reinterpret_cast<const char*>(at) + kTernaryAhead, _MM_HINT_T0);
    const __m512i packed = _mm512_loadu_si512(at);
    const __m512i w[4] = {_mm512_and_si512(packed, mask), _mm512_and_si512(_mm512_srli_epi16(packed, 2), mask),
                          _mm512_and_si512(_mm512_srli_epi16(packed, 4), mask), _mm512_and_si512(_mm512_srli_epi16(packed, 6), mask)};
    R3MES_UNROLL
    for (int r = 0; r < R; ++r) {
      const __m512i x = broadcast_quad(a + r * lda + 4 * q);
      R3MES_UNROLL
      for (int i = 0; i < 4; ++i) sum[r][i] = _mm512_dpbusd_epi32(sum[r][i], w[i], x);
    }
  }
  R3MES_UNROLL
  for (int r = 0; r < R; ++r) {
    R3MES_UNROLL
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

/** 32 weights of bf16 as mantissas, rounded like `rne_int`. */
inline __m512i bf16_mantissas(__m512i pairs, __m512 scale) {
  const __m512 magic = _mm512_set1_ps(12582912.0f);
  const __m512 even = _mm512_mul_ps(_mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16)), scale);
  const __m512 odd = _mm512_mul_ps(_mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(-65536))), scale);
  return _mm512_mask_mov_epi16(_mm512_castps_si512(_mm512_add_ps(even, magic)), 0xaaaaaaaau,
                               _mm512_slli_epi32(_mm512_castps_si512(_mm512_add_ps(odd, magic)), 16));
}

/** sum += a·b of pairs, in place: GCC copies sums from register to register. */
inline void add_pairs(__m512i& sum, __m512i a, __m512i b) {
#if defined(__GNUC__)
  asm("vpdpwssd %2, %1, %0" : "+v"(sum) : "v"(a), "v"(b));
#else
  sum = _mm512_dpwssd_epi32(sum, a, b);
#endif
}

/** Σ (256·hi + lo) of the lanes. */
inline std::int64_t sum_of_slices(__m512i hi, __m512i lo) {
  const __m512i high = _mm512_add_epi64(_mm512_cvtepi32_epi64(_mm512_castsi512_si256(hi)), _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(hi, 1)));
  const __m512i low = _mm512_add_epi64(_mm512_cvtepi32_epi64(_mm512_castsi512_si256(lo)), _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64(lo, 1)));
  return _mm512_reduce_add_epi64(_mm512_add_epi64(_mm512_slli_epi64(high, 8), low));
}

/** Bytes of bf16 that are asked for ahead; one row after the other, since one stream measured twice as fast as two or four. */
constexpr int kBf16Ahead = 4096;

/**
 * sums[v] = Σ_k a[k] · q[v][k] for `rows` rows x [rows, n] of bf16 whose mantissas are q[v][k] = rne(x[v][k] · scale[v]); a = 256·hi + lo
 * with hi and lo in the range of int8, both with zeros up to a multiple of 32. Two bytes a weight, read once.
 */
#define R3MES_BF16_SUMS 1
R3MES_APART inline void bf16_sums(const std::uint16_t* x, int n, int rows, const float* scale, const std::int16_t* hi, const std::int16_t* lo,
                                  std::int64_t* sums) {
  // |q · hi| ≤ 32,639 · 128, and a lane takes two products at a time: 2 · 256 of them are below 2^31.
  constexpr int kBlock = 32 * 256;
  for (int v = 0; v < rows; ++v, x += n) {
    const __m512 factor = _mm512_set1_ps(scale[v]);
    sums[v] = 0;
    for (int k0 = 0; k0 < n; k0 += kBlock) {
      const int end = n - k0 < kBlock ? n : k0 + kBlock, whole = end / 32 * 32;
      __m512i high = _mm512_setzero_si512(), low = _mm512_setzero_si512();
      const auto add = [&](int k, __m512i pairs) {
        const __m512i q = bf16_mantissas(pairs, factor);
        add_pairs(high, q, _mm512_loadu_si512(hi + k));
        add_pairs(low, q, _mm512_loadu_si512(lo + k));
      };
      for (int k = k0; k < whole; k += 32) {
        _mm_prefetch(reinterpret_cast<const char*>(x + k) + kBf16Ahead, _MM_HINT_T0);
        add(k, _mm512_loadu_si512(x + k));
      }
      if (whole < end) add(whole, _mm512_maskz_loadu_epi16((1u << (end - whole)) - 1u, x + whole));
      sums[v] += sum_of_slices(high, low);
    }
  }
}

}  // namespace r3mes::cpu

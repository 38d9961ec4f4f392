// Exact integer matrix products. In which order the integers are added is of no importance, so every instruction set has
// inner loops of its own (micro.h) behind the same operands.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "arena.h"
#include "bits.h"
#include "micro.h"

namespace r3mes::cpu {

/** Rows of int16 are padded with zeros to a multiple of this. */
constexpr int kPad = 8;
inline int padded(int n) { return (n + kPad - 1) / kPad * kPad; }

/** Longest sum of int16 × int8 that int32 holds: 32,639 · 128 · 512 < 2^31. */
constexpr int kSliceTerms = 512;

/** Longest sum of mantissas whose part above 2^20 is exact in binary32: 32,639² · 16,384 < 2^44. */
constexpr int kFloatTerms = 16384;

/** Columns whose sums one call of `store` sees at most. */
constexpr int kStoreColumns = kMicroPanels * kLanes;

/** Rows of mantissas, each row padded with zeros to `stride`, with one exponent a row: x ≈ q · 2^e. */
struct Rows16 {
  std::int16_t* q;
  std::size_t stride;
  std::int32_t* e;

  std::int16_t* row(std::size_t i) const { return q + i * stride; }
};

inline bool is_zero(const std::int16_t* q, int n) {
  return std::all_of(q, q + n, [](std::int16_t x) { return x == 0; });
}

/** Exponents of the columns of a right operand as powers of two, and what they span; `pow` null stands for 2^0 everywhere. */
struct Scales {
  const std::int32_t* e = nullptr;
  const float* pow = nullptr;
  int least = 0;
  int most = 0;

  /** Those of the columns from `first` on, a multiple of kLanes; what all of them span bounds these. */
  Scales from(int first) const { return Scales{e == nullptr ? nullptr : e + first, pow == nullptr ? nullptr : pow + first, least, most}; }
};

/**
 * The right operand of a product, mantissas [K, columns] in panels of kLanes columns: of each panel the terms in quads of
 * kQuadWords, first [2][kLanes][2] mantissas, term 2·half + i of the quad in [half][c][i]. Missing terms and columns are zeros.
 */
struct Panels {
  std::int16_t* q;
  int terms;  // padded(K)

  std::size_t stride() const { return static_cast<std::size_t>(terms) / 4 * kQuadWords; }
  std::int16_t* panel(int index) const { return q + static_cast<std::size_t>(index) * stride(); }
  std::int16_t* quad(int column, int term) const { return panel(column / kLanes) + static_cast<std::size_t>(term / 4) * kQuadWords; }
  std::int16_t get(int column, int term) const { return quad(column, term)[(term % 4 / 2 * kLanes + column % kLanes) * 2 + term % 2]; }
  void set(int column, int term, std::int16_t value) const {
    std::int16_t* at = quad(column, term);
    at[(term % 4 / 2 * kLanes + column % kLanes) * 2 + term % 2] = value;
    if constexpr (kQuadHasSlices) {
      reinterpret_cast<unsigned char*>(at + 4 * kLanes)[column % kLanes * 4 + term % 4] = static_cast<unsigned char>((value + 128) >> 8);
    }
  }
  /** The same columns from term `first` on, a multiple of 4; the panels stay `stride()` apart. */
  Panels from(int first) const { return Panels{q + static_cast<std::size_t>(first) / 4 * kQuadWords, terms}; }
};

inline int panel_count(int columns) { return (columns + kLanes - 1) / kLanes; }
inline std::size_t panels_size(int K, int columns) { return static_cast<std::size_t>(panel_count(columns)) * (padded(K) / 4) * kQuadWords; }
inline Panels take_panels(Arena& arena, int K, int columns) { return Panels{arena.get<std::int16_t>(panels_size(K, columns)), padded(K)}; }

/** Writes a quad's mantissas q[term][lane], and their slices where this instruction set wants them. */
inline void set_quad(std::int16_t* quad, const std::int16_t (*q)[kLanes]) {
  for (int half = 0; half < 2; ++half) {
    std::int16_t* pair = quad + half * kLanes * 2;
    for (int c = 0; c < kLanes; ++c) {
      pair[2 * c] = q[2 * half][c];
      pair[2 * c + 1] = q[2 * half + 1][c];
    }
  }
  if constexpr (kQuadHasSlices) {
    // (q + 128) >> 8 of four terms in one 32-bit lane.
    std::uint32_t bytes[kLanes];
    for (int c = 0; c < kLanes; ++c) {
      bytes[c] = ((static_cast<std::uint32_t>(q[0][c] + 128) >> 8) & 0xffu) | (static_cast<std::uint32_t>(q[1][c] + 128) & 0xff00u) |
                 ((static_cast<std::uint32_t>(q[2][c] + 128) & 0xff00u) << 8) | ((static_cast<std::uint32_t>(q[3][c] + 128) & 0xff00u) << 16);
    }
    __builtin_memcpy(quad + 4 * kLanes, bytes, sizeof bytes);
  }
}

#ifndef R3MES_QUANTIZE_QUAD

/** A quad from kLanes columns of floats: q[k][c] = rne((x[k · ldx + c] · fold[k]) · scale[c]), |q| < 2^15. */
inline void quantize_quad(const float* x, std::size_t ldx, const float* fold, const float* scale, std::int16_t* quad) {
  std::int16_t q[4][kLanes];
  for (int k = 0; k < 4; ++k) {
    for (int c = 0; c < kLanes; ++c) q[k][c] = static_cast<std::int16_t>(rne_int((x[k * ldx + c] * fold[k]) * scale[c]));
  }
  set_quad(quad, q);
}

#endif

/** Packs rows of mantissas [columns][stride], each padded with zeros to padded(K): the terms lie along a row. */
inline void pack_rows(const std::int16_t* rows, std::size_t stride, int columns, int K, Panels to) {
  std::int16_t q[4][kLanes] = {};
  for (int j0 = 0; j0 < columns; j0 += kLanes) {
    const int n = std::min(kLanes, columns - j0);
    if (n < kLanes) std::fill(q[0], q[0] + 4 * kLanes, std::int16_t{0});
    for (int k = 0; k < padded(K); k += 4) {
      for (int c = 0; c < n; ++c) {
        const std::int16_t* from = rows + (j0 + c) * stride + k;
        for (int t = 0; t < 4; ++t) q[t][c] = from[t];
      }
      set_quad(to.quad(j0, k), q);
    }
  }
}

/** Packs the terms [first, first + count) of mantissas: rows [count][stride], along which the columns lie; then zeros up to a multiple of kPad. */
inline void pack_columns_part(const std::int16_t* rows, std::size_t stride, int columns, int count, Panels to, int first) {
  std::int16_t q[4][kLanes];
  for (int j0 = 0; j0 < columns; j0 += kLanes) {
    const int n = std::min(kLanes, columns - j0);
    for (int k = 0; k < padded(count); k += 4) {
      for (int t = 0; t < 4; ++t) {
        const std::int16_t* row = rows + (k + t) * stride + j0;
        const int present = k + t < count ? n : 0;
        for (int c = 0; c < present; ++c) q[t][c] = row[c];
        for (int c = present; c < kLanes; ++c) q[t][c] = 0;
      }
      set_quad(to.quad(j0, first + k), q);
    }
  }
}

/** Packs mantissas [K][stride]: the columns lie along a row. */
inline void pack_columns(const std::int16_t* rows, std::size_t stride, int columns, int K, Panels to) {
  pack_columns_part(rows, stride, columns, K, to, 0);
}

/** The left operand: rows of mantissas, and where the instruction set wants them their high slices as bytes h + 128. */
struct Left {
  Rows16 rows;
  std::uint8_t* slices;  // as far apart as the rows

  /** The same rows from term `first` on. */
  Left from(int first) const {
    return Left{Rows16{rows.q + first, rows.stride, rows.e}, slices == nullptr ? nullptr : slices + first};
  }
};

inline Left take_left(const Rows16& rows, int count, Arena& arena) {
  return Left{rows, kQuadHasSlices ? arena.get<std::uint8_t>(count * rows.stride) : nullptr};
}

/** Makes the slices of the terms [first, end) of row i from its mantissas. */
inline void slice_row(const Left& left, int i, int first, int end) {
  if (!kQuadHasSlices) return;
  const std::int16_t* __restrict q = left.rows.row(i);
  std::uint8_t* __restrict to = left.slices + i * left.rows.stride;
  for (int k = first; k < end; ++k) to[k] = static_cast<std::uint8_t>(static_cast<std::uint16_t>(q[k] + 32896) >> 8);
}

inline Left left_of(const Rows16& rows, int count, int K, Arena& arena) {
  const Left left = take_left(rows, count, arena);
  for (int i = 0; i < count; ++i) slice_row(left, i, 0, padded(K));
  return left;
}

#ifndef R3MES_TILE_FLOATS

/**
 * The sums of at most kFloatTerms terms, each rounded once to binary32 and times row_pow[r] · column_pow[c], which is
 * between 2^-126 and 2^127: out[r · ldo + c].
 */
inline void tile_floats(const std::int16_t* a, const std::uint8_t* slices, std::size_t lda, int rows, const std::int16_t* panel,
                        std::size_t panel_stride, int panels, int terms, const float* row_pow, const float* column_pow, float* out,
                        std::size_t ldo) {
  constexpr int kTiles = kMicroRows * kMicroPanels;
  std::int32_t high[kTiles][kLanes], low[kTiles][kLanes], more_high[kTiles][kLanes], more_low[kTiles][kLanes];
  tile_block(a, slices, lda, rows, panel, panel_stride, panels, std::min(terms, kBlockTerms) / 4, high, low);
  for (int k0 = kBlockTerms; k0 < terms; k0 += kBlockTerms) {
    tile_block(a + k0, slices, lda, rows, panel + static_cast<std::size_t>(k0) / 4 * kQuadWords, panel_stride, panels,
               std::min(terms - k0, kBlockTerms) / 4, more_high, more_low);
    for (int t = 0; t < rows * kMicroPanels; ++t) {
      for (int c = 0; c < kLanes; ++c) high[t][c] += more_high[t][c];
      for (int c = 0; c < kLanes; ++c) low[t][c] += more_low[t][c];
    }
  }
  for (int r = 0; r < rows; ++r) {
    for (int p = 0; p < panels; ++p) {
      const std::int32_t* h = high[r * kMicroPanels + p];
      const std::int32_t* l = low[r * kMicroPanels + p];
      float* to = out + r * ldo + p * kLanes;
      for (int c = 0; c < kLanes; ++c) {
        const float pow = column_pow == nullptr ? row_pow[r] : row_pow[r] * column_pow[p * kLanes + c];
        const std::int32_t all = h[c] + (l[c] >> 16), below = ((all & 15) << 16) | (l[c] & 0xffff);
        to[c] = (static_cast<float>(all >> 4) * 1048576.0f + static_cast<float>(below)) * pow;
      }
    }
  }
}

#endif

/** The same for any number of terms and any exponents, by way of binary64: slower. |Σ| < 2^30·K < 2^53 for K < 2^23. */
inline void tile_doubles(const Left& left, int i0, int rows, const std::int16_t* panel, std::size_t panel_stride, int panels, int terms, int column,
                         int columns, const Scales& scales, float* out, std::size_t ldo) {
  std::int32_t high[kMicroRows * kMicroPanels][kLanes], low[kMicroRows * kMicroPanels][kLanes];
  double sum[kMicroRows * kMicroPanels][kLanes] = {};
  for (int k0 = 0; k0 < terms; k0 += kBlockTerms) {
    const Left block = left.from(k0);
    const std::uint8_t* slices = block.slices == nullptr ? nullptr : block.slices + i0 * block.rows.stride;
    tile_block(block.rows.row(i0), slices, block.rows.stride, rows, panel + static_cast<std::size_t>(k0) / 4 * kQuadWords, panel_stride, panels,
               std::min(terms - k0, kBlockTerms) / 4, high, low);
    for (int r = 0; r < rows; ++r) {
      for (int p = r * kMicroPanels; p < r * kMicroPanels + panels; ++p) {
        for (int c = 0; c < kLanes; ++c) sum[p][c] += static_cast<double>(high[p][c]) * 65536.0 + static_cast<double>(low[p][c]);
      }
    }
  }
  for (int r = 0; r < rows; ++r) {
    for (int c = 0; c < std::min(columns, panels * kLanes); ++c) {
      const int e = left.rows.e[i0 + r] + (scales.e == nullptr ? 0 : scales.e[column + c]);
      out[r * ldo + c] = rn(sum[r * kMicroPanels + c / kLanes][c % kLanes], pow2d(e));
    }
  }
}

/**
 * rn(Σ_k a_ik · b_kj, e_i + e_j), k < padded(K), of `rows` ≤ kMicroRows rows from `row` on and `columns` ≤ kStoreColumns columns
 * from j0 on, a multiple of kStoreColumns: out[i · ldo + j − j0]. Up to kStoreColumns values of a row may be written.
 */
inline void product_tile(const Left& left, int row, int rows, const Panels& b, int j0, int columns, int K, const Scales& scales, float* out,
                         std::size_t ldo) {
  const int all = padded(K), panels = panel_count(columns);
  float row_pow[kMicroRows];
  bool in_range = all <= kFloatTerms;
  for (int i = 0; i < rows; ++i) {
    int e = left.rows.e[row + i];
    if (e == -126 && is_zero(left.rows.row(row + i), K)) e = 0;
    in_range = in_range && e + scales.least >= -126 && e + scales.most <= 127;
    row_pow[i] = pow2f(e);
  }
  const std::int16_t* panel = b.panel(j0 / kLanes);
  if (in_range) {
    const std::uint8_t* slices = left.slices == nullptr ? nullptr : left.slices + row * left.rows.stride;
    tile_floats(left.rows.row(row), slices, left.rows.stride, rows, panel, b.stride(), panels, all, row_pow,
                scales.pow == nullptr ? nullptr : scales.pow + j0, out, ldo);
  } else {
    tile_doubles(left, row, rows, panel, b.stride(), panels, all, j0, columns, scales, out, ldo);
  }
}

/** The whole product in memory: out[i · ldo + j] for the rows [first, first + rows); a row has room for whole tiles. */
inline void product_to(const Left& left, int first, int rows, const Panels& b, int columns, int K, const Scales& scales, float* out, std::size_t ldo) {
  for (int j0 = 0; j0 < columns; j0 += kStoreColumns) {
    for (int i0 = 0; i0 < rows; i0 += kMicroRows) {
      product_tile(left, first + i0, std::min(kMicroRows, rows - i0), b, j0, std::min(kStoreColumns, columns - j0), K, scales, out + i0 * ldo + j0, ldo);
    }
  }
}

/**
 * The product handed to `store(i, j0, n, v)` as floats v[0..n) for the columns j0..j0+n of row i; n is at most
 * kStoreColumns. The rows of `left` are [first, first + rows); i counts from `first`.
 */
template <class Store>
void product(const Left& left, int first, int rows, const Panels& b, int columns, int K, const Scales& scales, Store store) {
  alignas(64) float out[kMicroRows][kStoreColumns];
  for (int j0 = 0; j0 < columns; j0 += kStoreColumns) {
    const int n = std::min(kStoreColumns, columns - j0);
    for (int i0 = 0; i0 < rows; i0 += kMicroRows) {
      const int m = std::min(kMicroRows, rows - i0);
      product_tile(left, first + i0, m, b, j0, n, K, scales, out[0], kStoreColumns);
      for (int i = 0; i < m; ++i) {
        if (n == kStoreColumns) {
          store(i0 + i, j0, kStoreColumns, static_cast<const float*>(out[i]));
        } else {
          store(i0 + i, j0, n, static_cast<const float*>(out[i]));
        }
      }
    }
  }
}

/** Room for the powers of `columns` exponents, and what lies beyond the last column of the last panel. */
inline std::size_t scales_size(int columns) { return static_cast<std::size_t>(columns + kStoreColumns - 1) / kStoreColumns * kStoreColumns; }

/** `zero(j)`: whether all mantissas of column j are zeros; asked only of columns with the least exponent. */
template <class IsZero>
Scales make_scales(const std::int32_t* e, int columns, float* pow, IsZero zero) {
  Scales scales{e, pow, 0, 0};
  bool any = false;
  for (int j = 0; j < columns; ++j) {
    // Any power of two does for a column of zeros; with its own, −126, no product would be in range.
    if (e[j] == -126 && zero(j)) {
      pow[j] = 1.0f;
      continue;
    }
    pow[j] = pow2f(e[j]);
    scales.least = any ? std::min(scales.least, static_cast<int>(e[j])) : e[j];
    scales.most = any ? std::max(scales.most, static_cast<int>(e[j])) : e[j];
    any = true;
  }
  for (std::size_t j = columns; j < scales_size(columns); ++j) pow[j] = 1.0f;
  return scales;
}

inline Scales scales_of(const Rows16& rows, int count, int K, Arena& arena) {
  return make_scales(rows.e, count, arena.get<float>(scales_size(count)), [&](int j) { return is_zero(rows.row(j), K); });
}

inline Scales scales_of(const Panels& panels, const std::int32_t* e, int columns, int K, Arena& arena) {
  return make_scales(e, columns, arena.get<float>(scales_size(columns)), [&](int j) {
    for (int k = 0; k < K; ++k) {
      if (panels.get(j, k) != 0) return false;
    }
    return true;
  });
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

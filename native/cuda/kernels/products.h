// The products of the training step and what is made of their sums (docs/arithmetic.md §2.3–§2.6, §3).
#pragma once

#include "product.h"

namespace r3mes::cuda {

/** One int8 matrix or two slices times ternary weights: the base of BitLinear, forward (1) and backward (2). */
template <int Slices>
struct TernaryProduct {
  static constexpr int kThreads = kProductThreads;
  static constexpr const char* kName = Slices == 1 ? "r3mes_ternary_forward" : "r3mes_ternary_backward";

  struct Args {
    const std::int8_t* high;        // [rows][ld]
    const std::int8_t* low;
    const std::int32_t* e;          // backward: exponent of a row
    const float* dequant_scale;     // forward: of a row
    const std::uint32_t* weights;   // [columns][ld / 16]
    std::int64_t ld;
    std::int64_t rows, columns;
    float scale;
    const float* add;               // y = add + product; null: y = product
    float* y;                       // [rows][columns]
  };

  struct Shared {
    Tiles<Slices, 1> tiles;
  };

  template <class B>
  static R3MES_HD void run(B& block, Shared& shared, const Args& a) {
    constexpr int kKinds = kinds<Slices, 1>();
    const std::int64_t i0 = static_cast<std::int64_t>(block.y()) * kTile, j0 = static_cast<std::int64_t>(block.x()) * kTile;
    typename B::template Local<Sums<kKinds>> sums;
    clear<kKinds>(block, sums);
    // int32 holds every sum: 128 · 2^17 for act8, 32,639 · 65,793 for both slices together.
    for (std::int64_t k0 = 0; k0 < a.ld; k0 += kTileTerms) {
      block.each([&](int t) {
        load_bytes(shared.tiles.a[0], a.high, a.ld, i0, a.rows, k0, t);
        if constexpr (Slices == 2) load_bytes(shared.tiles.a[Slices - 1], a.low, a.ld, i0, a.rows, k0, t);
        load_weights(shared.tiles.b[0], a.weights, a.ld, j0, a.columns, k0, t);
      });
      multiply<Slices, 1>(block, shared.tiles, sums);
      block.each([](int) {});
    }
    block.alone([&](int t) {
      R3MES_UNROLL
      for (int i = 0; i < kSums; ++i) {
        const std::int64_t row = i0 + sum_row<B::kTensor>(t, i), column = j0 + sum_column<B::kTensor>(t, i);
        if (row >= a.rows || column >= a.columns) continue;
        float value;
        if constexpr (Slices == 1) {
          value = static_cast<float>(sums[t].s[0][i]) * (a.dequant_scale[row] * a.scale);
        } else {
          value = rn(static_cast<std::int64_t>(sums[t].s[0][i]) * 256 + sums[t].s[Slices - 1][i], a.e[row]) * a.scale;
        }
        const std::int64_t at = row * a.columns + column;
        a.y[at] = a.add == nullptr ? value : a.add[at] + value;
      }
    });
  }
};

/** Which part of a causal matrix takes part in a product. */
enum Causal : std::int32_t {
  kWhole = 0,
  kLowerSums = 1,    // sums [queries, keys]: tiles behind the diagonal are not computed
  kTermsUpTo = 2,    // A is [queries, keys]: terms behind the diagonal's tile are zeros, or not there
  kTermsFrom = 3     // A is [keys, queries]: terms before the diagonal's tile likewise
};

/** Where matrix z begins: of the n = z + first, (n / divisor) · outer + (n % divisor) · inner. */
struct Stride {
  std::int32_t divisor;
  std::int64_t outer, inner, first;
  R3MES_HD std::int64_t at(std::int64_t z) const { return (z + first) / divisor * outer + (z + first) % divisor * inner; }
};

struct PlaneProductArgs {
  Planes a, b;                        // e of b may be null: mantissas only
  Stride rows_a, rows_b;              // in rows
  std::int64_t rows, columns, terms;  // terms: multiple of kTermPad, at most the ld of both
  std::int32_t causal;
  float factor;                       // v = rn(…) × factor
  const float* row_factor;            // v = v × row_factor[…]; null: not
  Stride row_factors;
  float* y;                           // [rows][ldy]
  Stride matrices_y;
  std::int64_t ldy;
  std::int32_t add;                   // v = y + v
  float* total;                       // total = total + v instead of y = v
  // The gradient of the head: v = (v − the label's own term) × inverse_labels. null: not.
  const std::int32_t* labels;
  Planes own;
  float inverse_labels;
};

/** row16 times row16, a matrix per z. `Long`: for more than kFlushTerms terms. */
template <bool Long>
struct PlaneProduct {
  static constexpr int kThreads = kProductThreads;
  static constexpr const char* kName = Long ? "r3mes_product_long" : "r3mes_product";
  using Args = PlaneProductArgs;

  struct Shared {
    Tiles<2, 2> tiles;
  };

  template <class B>
  static R3MES_HD void run(B& block, Shared& shared, const Args& a) {
    const std::int64_t i0 = static_cast<std::int64_t>(block.y()) * kTile, j0 = static_cast<std::int64_t>(block.x()) * kTile;
    if (a.causal == kLowerSums && j0 > i0) return;  // both tiles are kCausalTile wide
    const std::int64_t z = block.z();
    const Planes left = a.a.from(a.rows_a.at(z)), right = a.b.from(a.rows_b.at(z));
    const std::int64_t begin = a.causal == kTermsFrom ? i0 : 0;
    const std::int64_t end = a.causal == kTermsUpTo && i0 + kTile < a.terms ? i0 + kTile : a.terms;
    typename B::template Local<Sums<3>> sums;
    struct Wide {
      std::int64_t s[Long ? kSums : 1];
    };
    typename B::template Local<Wide> wide;
    clear<3>(block, sums);
    if constexpr (Long) {
      block.alone([&](int t) {
        R3MES_UNROLL
        for (int i = 0; i < kSums; ++i) wide[t].s[i] = 0;
      });
    }
    for (std::int64_t k0 = begin; k0 < end; k0 += kTileTerms) {
      block.each([&](int t) {
        load_bytes(shared.tiles.a[0], left.high, left.ld, i0, a.rows, k0, t);
        load_bytes(shared.tiles.a[1], left.low, left.ld, i0, a.rows, k0, t);
        load_bytes(shared.tiles.b[0], right.high, right.ld, j0, a.columns, k0, t);
        load_bytes(shared.tiles.b[1], right.low, right.ld, j0, a.columns, k0, t);
      });
      multiply<2, 2>(block, shared.tiles, sums);
      block.each([](int) {});
      if constexpr (Long) {
        if ((k0 - begin) % kFlushTerms == kFlushTerms - kTileTerms) {
          block.alone([&](int t) {
            R3MES_UNROLL
            for (int i = 0; i < kSums; ++i) wide[t].s[i] += joined(sums[t], i);
          });
          clear<3>(block, sums);
        }
      }
    }
    block.alone([&](int t) {
      R3MES_UNROLL
      for (int i = 0; i < kSums; ++i) {
        const std::int64_t row = i0 + sum_row<B::kTensor>(t, i), column = j0 + sum_column<B::kTensor>(t, i);
        if (row >= a.rows || column >= a.columns) continue;
        std::int64_t sum = joined(sums[t], i);
        if constexpr (Long) sum += wide[t].s[i];
        store(a, sum, left.e[row] + (a.b.e == nullptr ? 0 : right.e[column]), z, row, column);
      }
    });
  }

 private:
  static R3MES_HD void store(const Args& a, std::int64_t sum, int e, std::int64_t z, std::int64_t row, std::int64_t column) {
    float v = rn(sum, e) * a.factor;
    if (a.row_factor != nullptr) v = v * a.row_factor[a.row_factors.at(z) + row];
    if (a.labels != nullptr) {
      const std::int64_t label = a.labels[row], at = label * a.own.ld + column;
      const float mantissa = static_cast<float>(a.own.high[at] * 256 + a.own.low[at]);
      v = (v - mantissa * pow2f(a.own.e[label])) * a.inverse_labels;
    }
    const std::int64_t at = a.matrices_y.at(z) + row * a.ldy + column;
    if (a.add != 0) v = a.y[at] + v;
    if (a.total != nullptr) {
      a.total[at] = a.total[at] + v;
    } else {
      a.y[at] = v;
    }
  }
};

/**
 * Gradients of A or B: for every canonical block of tokens a product, whose rounded values are added to y in the order of the
 * blocks. A: columns of one operand over the tokens [block][rows], B: of the other [block][columns], 256 terms each.
 */
struct GradientProduct {
  static constexpr int kThreads = kProductThreads;
  static constexpr const char* kName = "r3mes_gradient_product";

  struct Args {
    Planes a, b;
    std::int64_t rows, columns, blocks;
    float factor;
    float* y;              // [rows][columns]
  };

  struct Shared {
    Tiles<2, 2> tiles;
  };

  template <class B>
  static R3MES_HD void run(B& block, Shared& shared, const Args& a) {
    const std::int64_t i0 = static_cast<std::int64_t>(block.y()) * kTile, j0 = static_cast<std::int64_t>(block.x()) * kTile;
    typename B::template Local<Sums<3>> sums;
    for (std::int64_t n = 0; n < a.blocks; ++n) {
      const Planes left = a.a.from(n * a.rows), right = a.b.from(n * a.columns);
      clear<3>(block, sums);
      for (std::int64_t k0 = 0; k0 < left.ld; k0 += kTileTerms) {
        block.each([&](int t) {
          load_bytes(shared.tiles.a[0], left.high, left.ld, i0, a.rows, k0, t);
          load_bytes(shared.tiles.a[1], left.low, left.ld, i0, a.rows, k0, t);
          load_bytes(shared.tiles.b[0], right.high, right.ld, j0, a.columns, k0, t);
          load_bytes(shared.tiles.b[1], right.low, right.ld, j0, a.columns, k0, t);
        });
        multiply<2, 2>(block, shared.tiles, sums);
        block.each([](int) {});
      }
      block.alone([&](int t) {
        R3MES_UNROLL
        for (int i = 0; i < kSums; ++i) {
          const std::int64_t row = i0 + sum_row<B::kTensor>(t, i), column = j0 + sum_column<B::kTensor>(t, i);
          if (row >= a.rows || column >= a.columns) continue;
          float& to = a.y[row * a.columns + column];
          to = to + rn(joined(sums[t], i), left.e[row] + right.e[column]) * a.factor;
        }
      });
    }
  }
};

}  // namespace r3mes::cuda

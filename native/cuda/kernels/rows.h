// Rows of floats become integers: row16, columns of a block of tokens, and the transpose of mantissas (docs/arithmetic.md §1.2).
#pragma once

#include "data.h"

namespace r3mes::cuda {

/** row16 of every row of a matrix. `Group` threads take one row. */
template <int Group>
struct Row16Rows {
  static constexpr int kThreads = kRowThreads, kRows = kThreads / Group;
  static constexpr const char* kName = Group == kWarp ? "r3mes_row16_short" : "r3mes_row16";

  struct Args {
    RawMatrix x;
    std::int64_t ldx;
    std::int32_t rows, n;
    Planes out;
    Refusals refusals;
  };

  struct Shared {
    std::uint32_t largest[kThreads / kWarp];
  };

  template <class B>
  static R3MES_HD void run(B& block, Shared& shared, const Args& a) {
    const std::int64_t first = static_cast<std::int64_t>(block.x()) * kRows;
    typename B::template Local<std::uint32_t> largest;
    block.alone([&](int t) {
      const std::int64_t row = first + t / Group;
      std::uint32_t most = 0;
      for (int k = t % Group; row < a.rows && k < a.n; k += Group) {
        const float value = a.x.at(row * a.ldx + k);
        const std::uint32_t m = magnitude_bits(value);
        if (m >= kInfinityBits) a.refusals.tell(row, k);
        if (m > most) most = m;
      }
      largest[t] = most;
    });
    block.template group_max<Group>(largest, shared.largest);
    block.alone([&](int t) {
      const std::int64_t row = first + t / Group;
      if (row >= a.rows) return;
      const int e = row16_exponent(largest[t]);
      const float scale = pow2f(-e);
      if (t % Group == 0) a.out.e[row] = e;
      for (int k = t % Group; k < a.out.ld; k += Group) {
        a.out.set(row, k, k < a.n ? rne_int(a.x.at(row * a.ldx + k) * scale) : 0);
      }
    });
  }
};

/**
 * row16 of the columns of x, folded: out row (z, c) holds the mantissas of x[first + t][c] · 2^fold[t] over the tokens t of a
 * piece. Piece z is block z % blocks of sequence z / blocks where `blocks` is not 0, else matrix z with all its rows; causal:
 * x[t][c] counts from the tile of t = c on.
 */
struct Row16Columns {
  static constexpr int kColumns = 32, kThreads = kRowThreads, kDepth = 32;
  static constexpr const char* kName = "r3mes_row16_columns";

  struct Args {
    const float* x;
    std::int64_t ldx, stride;      // from row to row, from matrix to matrix
    std::int32_t rows, columns;    // of a matrix (a sequence)
    std::int32_t blocks;           // canonical blocks of a sequence, or 0
    std::int32_t causal;
    const std::int32_t* fold;      // exponents [z · rows + t] or null
    std::int64_t fold_stride;
    Planes out;                    // rows [z · columns + c]
    std::int64_t first;            // matrix 0 of a refusal
    Refusals refusals;
  };

  struct Shared {
    std::uint32_t largest[kThreads / kColumns][kColumns];
    std::int16_t tile[kDepth][kColumns + 2];
  };

  template <class B>
  static R3MES_HD void run(B& block, Shared& shared, const Args& a) {
    constexpr int kSide = kThreads / kColumns;
    const int z = block.z(), c0 = block.x() * kColumns;
    const int piece = a.blocks == 0 ? 0 : z % a.blocks, matrix = a.blocks == 0 ? z : z / a.blocks;
    const int begin = piece * kCanonicalBlock;
    const int count = a.blocks == 0 || a.rows - begin < kCanonicalBlock ? a.rows - begin : kCanonicalBlock;
    const int start = a.causal != 0 ? c0 / kCausalTile * kCausalTile : 0;
    const float* x = a.x + matrix * a.stride + begin * a.ldx;
    const std::int32_t* fold = a.fold == nullptr ? nullptr : a.fold + matrix * a.fold_stride;
    const auto at = [&](int t, int c) { return fold == nullptr ? x[t * a.ldx + c] : x[t * a.ldx + c] * pow2f(fold[t]); };

    block.each([&](int thread) {
      const int c = c0 + thread % kColumns;
      std::uint32_t most = 0;
      for (int t = start + thread / kColumns; c < a.columns && t < count; t += kSide) {
        const std::uint32_t m = magnitude_bits(at(t, c));
        if (m >= kInfinityBits) a.refusals.tell((matrix + a.first) * a.rows + begin + t, c);
        if (m > most) most = m;
      }
      shared.largest[thread / kColumns][thread % kColumns] = most;
    });
    typename B::template Local<std::uint32_t> largest;
    block.alone([&](int thread) {
      std::uint32_t most = 0;
      for (int i = 0; i < kSide; ++i) {
        if (shared.largest[i][thread % kColumns] > most) most = shared.largest[i][thread % kColumns];
      }
      largest[thread] = most;
      const int c = c0 + thread;
      if (thread < kColumns && c < a.columns) a.out.e[static_cast<std::int64_t>(z) * a.columns + c] = row16_exponent(most);
    });
    for (int t0 = start; t0 < a.out.ld; t0 += kDepth) {
      block.each([&](int thread) {
        const int c = c0 + thread % kColumns;
        const float scale = pow2f(-row16_exponent(largest[thread]));
        for (int d = thread / kColumns; d < kDepth; d += kSide) {
          const int t = t0 + d;
          shared.tile[d][thread % kColumns] = static_cast<std::int16_t>(t < count && c < a.columns ? rne_int(at(t, c) * scale) : 0);
        }
      });
      block.each([&](int thread) {
        const int d = thread % kDepth;
        for (int i = thread / kDepth; i < kColumns; i += kThreads / kDepth) {
          if (c0 + i < a.columns) a.out.set(static_cast<std::int64_t>(z) * a.columns + c0 + i, t0 + d, shared.tile[d][i]);
        }
      });
    }
  }
};

/** Mantissas [z][rows][in.ld] to [z][columns][out.ld], zeros behind the last row. No exponent changes hands. */
struct TransposePlanes {
  static constexpr int kThreads = kRowThreads, kSide = 32;
  static constexpr const char* kName = "r3mes_transpose";

  struct Args {
    Planes in, out;
    std::int32_t rows, columns;
  };

  struct Shared {
    std::int8_t tile[2][kSide][kSide + 4];
  };

  template <class B>
  static R3MES_HD void run(B& block, Shared& shared, const Args& a) {
    const int r0 = block.x() * kSide, c0 = block.y() * kSide;
    const std::int64_t from = static_cast<std::int64_t>(block.z()) * a.rows, to = static_cast<std::int64_t>(block.z()) * a.columns;
    block.each([&](int t) {
      const int c = c0 + t % kSide;
      for (int i = t / kSide; i < kSide; i += kThreads / kSide) {
        const bool there = r0 + i < a.rows && c < a.columns;
        shared.tile[0][i][t % kSide] = there ? a.in.high[(from + r0 + i) * a.in.ld + c] : static_cast<std::int8_t>(0);
        shared.tile[1][i][t % kSide] = there ? a.in.low[(from + r0 + i) * a.in.ld + c] : static_cast<std::int8_t>(0);
      }
    });
    block.alone([&](int t) {
      const int r = r0 + t % kSide;
      for (int i = t / kSide; i < kSide; i += kThreads / kSide) {
        if (c0 + i >= a.columns || r >= a.out.ld) continue;
        a.out.high[(to + c0 + i) * a.out.ld + r] = shared.tile[0][t % kSide][i];
        a.out.low[(to + c0 + i) * a.out.ld + r] = shared.tile[1][t % kSide][i];
      }
    });
  }
};

/** Ternary weights for products: four bytes hold sixteen terms of a row, term 4·i + j in bits 8·j + 2·i, as w + 1. */
constexpr int kWeightsPerWord = 16;
constexpr std::uint32_t kZeroWeights = 0x55555555u;

/** A checkpoint's packed matrix [out/4, in] to words by row, or to those of the transpose. */
struct PackTernary {
  static constexpr int kThreads = kRowThreads;
  static constexpr const char* kName = "r3mes_pack_ternary";

  struct Args {
    const std::uint8_t* codes;
    std::uint32_t* words;  // [transposed ? in : out][ld / 16]
    std::int32_t in, out;
    std::int64_t ld;       // padded terms
    std::int32_t transposed;
  };

  struct Shared {};

  template <class B>
  static R3MES_HD void run(B& block, Shared&, const Args& a) {
    block.alone([&](int t) {
      const std::int64_t words = a.ld / kWeightsPerWord, i = static_cast<std::int64_t>(block.x()) * kThreads + t;
      const std::int32_t rows = a.transposed != 0 ? a.in : a.out, terms = a.transposed != 0 ? a.out : a.in, quarter = a.out / 4;
      if (i >= rows * words) return;
      const std::int64_t row = i / words, k0 = i % words * kWeightsPerWord;
      std::uint32_t word = kZeroWeights;
      for (int k = 0; k < kWeightsPerWord && k0 + k < terms; ++k) {
        const std::int64_t o = a.transposed != 0 ? k0 + k : row, c = a.transposed != 0 ? row : k0 + k;
        const std::uint32_t code = (static_cast<std::uint32_t>(a.codes[o % quarter * a.in + c]) >> (o / quarter * 2)) & 3u;
        const int shift = 8 * (k % 4) + 2 * (k / 4);
        word = (word & ~(3u << shift)) | (code << shift);
      }
      a.words[i] = word;
    });
  }
};

/** Four of a word's sixteen weights as int8: terms 4·i … 4·i + 3. */
R3MES_HD std::uint32_t four_weights(std::uint32_t word, int i) {
  return ((((word >> (2 * i)) & 0x03030303u) | 0x80808080u) - 0x01010101u) ^ 0x80808080u;
}

}  // namespace r3mes::cuda

// Exact integer matrix products: sums over k of A[i][k] · B[j][k], both with their terms side by side. Tiles of 64 × 64 sums and
// 64 terms; int8 tensor cores where the GPU has them (m16n8k32, or m8n8k16 on sm_75), dp4a or plain integers where not. In which
// order the integers are added cannot change a sum.
#pragma once

#include "rows.h"

namespace r3mes::cuda {

constexpr int kTile = 64;                 // rows and columns of a block's sums
constexpr int kTileTerms = 64;
constexpr int kProductThreads = 128;
/** Words of a row of the tile, of which 16 are used: rows then start in different banks of shared memory. */
constexpr int kTileStride = 20;
constexpr int kSums = kTile * kTile / kProductThreads;  // of a thread

/** Most terms whose int32 sums of int8 products cannot overflow: 2 · 128² · 65,472 < 2^31 for the two middle products together. */
constexpr std::int64_t kFlushTerms = 65472;

/** A tile of a matrix of int8, in shared memory. */
struct TileRows {
  alignas(16) std::uint32_t words[kTile][kTileStride];
};

struct alignas(16) FourWords {
  std::uint32_t word[4];
};

/** Rows [first, first + 64) and terms [k0, k0 + 64) of int8 [rows][ld]; zeros outside. */
R3MES_HD void load_bytes(TileRows& tile, const std::int8_t* from, std::int64_t ld, std::int64_t first, std::int64_t rows, std::int64_t k0, int t) {
  R3MES_UNROLL
  for (int i = 0; i < kTile * 4 / kProductThreads; ++i) {
    const int at = t + i * kProductThreads, row = at / 4, part = at % 4;
    FourWords words{};
    if (first + row < rows && k0 + part * 16 < ld) words = *reinterpret_cast<const FourWords*>(from + (first + row) * ld + k0 + part * 16);
    *reinterpret_cast<FourWords*>(&tile.words[row][part * 4]) = words;
  }
}

/** The same of packed ternary weights, ld in terms. */
R3MES_HD void load_weights(TileRows& tile, const std::uint32_t* from, std::int64_t ld, std::int64_t first, std::int64_t rows, std::int64_t k0, int t) {
  R3MES_UNROLL
  for (int i = 0; i < kTile * 4 / kProductThreads; ++i) {
    const int at = t + i * kProductThreads, row = at / 4, part = at % 4;
    std::uint32_t packed = kZeroWeights;
    if (first + row < rows && k0 + part * 16 < ld) packed = from[((first + row) * ld + k0) / kWeightsPerWord + part];
    FourWords words;
    R3MES_UNROLL
    for (int j = 0; j < 4; ++j) words.word[j] = four_weights(packed, j);
    *reinterpret_cast<FourWords*>(&tile.words[row][part * 4]) = words;
  }
}

/** Which sum of the tile a thread's i-th is. Tensor cores: four warps, each 32 × 32; else rows t/16 + 8·…, columns t%16 + 16·…. */
template <bool Tensor>
R3MES_HD int sum_row(int t, int i) {
  if (!Tensor) return t / 16 + 8 * (i / 4);
  return t / kWarp / 2 * 32 + i / 16 * 16 + (i % 4 / 2) * 8 + t % kWarp / 4;
}
template <bool Tensor>
R3MES_HD int sum_column(int t, int i) {
  if (!Tensor) return t % 16 + 16 * (i % 4);
  return t / kWarp % 2 * 32 + i / 4 % 4 * 8 + t % 4 * 2 + i % 2;
}

/** The sums of a thread, once a pair of slices: [0] high·high, [1] high·low + low·high, [2] low·low of what there is. */
template <int Kinds>
struct Sums {
  std::int32_t s[Kinds][kSums];
};

/** Kind of the product of slice a of A and slice b of B: the smaller the kind, the higher its place. */
template <int PA, int PB>
R3MES_HD constexpr int kind_of(int a, int b) { return PA == 1 ? b : PB == 1 ? a : a + b; }
template <int PA, int PB>
R3MES_HD constexpr int kinds() { return PA + PB - 1; }

/** Slices of A and B in shared memory. */
template <int PA, int PB>
struct Tiles {
  TileRows a[PA], b[PB];
};

/** sums += A · B of the tiles. */
template <int PA, int PB, class B, class Local>
R3MES_HD void multiply(B& block, const Tiles<PA, PB>& tiles, Local& sums) {
  if constexpr (B::kTensor) {
    struct Fragments {
      std::uint32_t a[PA][2][4], b[PB][4][2];
    };
    typename B::template Local<Fragments> fragments;
    R3MES_UNROLL
    for (int step = 0; step < kTileTerms / 32; ++step) {
      block.alone([&](int t) {
        const int lane = t % kWarp, warp = t / kWarp, k = step * 8 + lane % 4;
        R3MES_UNROLL
        for (int p = 0; p < PA; ++p) {
          R3MES_UNROLL
          for (int i = 0; i < 8; ++i) {
            const int row = warp / 2 * 32 + i / 4 * 16 + i % 2 * 8 + lane / 4;
            fragments[t].a[p][i / 4][i % 4] = tiles.a[p].words[row][k + i % 4 / 2 * 4];
          }
        }
        R3MES_UNROLL
        for (int p = 0; p < PB; ++p) {
          R3MES_UNROLL
          for (int i = 0; i < 8; ++i) fragments[t].b[p][i / 2][i % 2] = tiles.b[p].words[warp % 2 * 32 + i / 2 * 8 + lane / 4][k + i % 2 * 4];
        }
      });
      R3MES_UNROLL
      for (int i = 0; i < 2; ++i) {
        R3MES_UNROLL
        for (int j = 0; j < 4; ++j) {
          R3MES_UNROLL
          for (int p = 0; p < PA * PB; ++p) {
            block.mma([&](int t) {
              return MmaOperands{&sums[t].s[kind_of<PA, PB>(p / PB, p % PB)][(i * 4 + j) * 4], fragments[t].a[p / PB][i], fragments[t].b[p % PB][j]};
            });
          }
        }
      }
    }
  } else {
    block.alone([&](int t) {
      for (int k = 0; k < kTileTerms / 4; ++k) {
        R3MES_UNROLL
        for (int p = 0; p < PA * PB; ++p) {
          R3MES_UNROLL
          for (int i = 0; i < kSums; ++i) {
            std::int32_t& sum = sums[t].s[kind_of<PA, PB>(p / PB, p % PB)][i];
            sum = dot4(tiles.a[p / PB].words[t / 16 + 8 * (i / 4)][k], tiles.b[p % PB].words[t % 16 + 16 * (i % 4)][k], sum);
          }
        }
      }
    });
  }
}

template <int Kinds, class B, class Local>
R3MES_HD void clear(B& block, Local& sums) {
  block.alone([&](int t) {
    R3MES_UNROLL
    for (int kind = 0; kind < Kinds; ++kind) {
      R3MES_UNROLL
      for (int i = 0; i < kSums; ++i) sums[t].s[kind][i] = 0;
    }
  });
}

/** The whole sum of mantissas from its three parts. */
R3MES_HD std::int64_t joined(const Sums<3>& sums, int i) {
  return static_cast<std::int64_t>(sums.s[0][i]) * 65536 + static_cast<std::int64_t>(sums.s[1][i]) * 256 + sums.s[2][i];
}

}  // namespace r3mes::cuda

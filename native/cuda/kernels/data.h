// What kernels take and give: rows of mantissas in slices, raw matrices, and where a value that is not finite is told.
#pragma once

#include <cstddef>
#include <cstdint>

#include "block.h"

namespace r3mes::cuda {

/** Rows of slices are padded with zeros to a multiple of this many terms: two loads of 16 bytes. */
constexpr int kTermPad = 32;
R3MES_HD int padded_terms(int n) { return (n + kTermPad - 1) / kTermPad * kTermPad; }

/** Threads of a kernel that works on rows; a row takes all of them, or a warp where rows are short. */
constexpr int kRowThreads = 256;

/** Tokens of a sequence whose gradients are summed as integers (docs/arithmetic.md §3.3). */
constexpr int kCanonicalBlock = 256;

/** Causal matrices [queries, keys] are computed, and filled with zeros, up to the next multiple of this behind the diagonal. */
constexpr int kCausalTile = 64;

/** row16 of a matrix: mantissa = 256·high + low at [row · ld + k], exponent e[row]. */
struct Planes {
  std::int8_t* high;
  std::int8_t* low;
  std::int32_t* e;
  std::int64_t ld;

  R3MES_HD Planes from(std::int64_t row) const { return Planes{high + row * ld, low + row * ld, e + row, ld}; }

  /** Writes mantissa q at [row, k]. */
  R3MES_HD void set(std::int64_t row, std::int64_t k, std::int32_t q) const {
    high[row * ld + k] = high_slice(q);
    low[row * ld + k] = low_slice(q);
  }
};

/** A float matrix as a checkpoint holds it; the types are those of r3mes_float_type. */
struct RawMatrix {
  const void* data;
  std::int32_t type;

  R3MES_HD float at(std::int64_t i) const {
    if (type == 0) return static_cast<const float*>(data)[i];
    const std::uint32_t h = static_cast<const std::uint16_t*>(data)[i];
    if (type == 1) return float_of(h << 16);
    const std::uint32_t sign = (h & 0x8000u) << 16, exponent = (h >> 10) & 31u, fraction = h & 0x3ffu;
    if (exponent == 31) return float_of(sign | kInfinityBits | (fraction << 13));
    if (exponent != 0) return float_of(sign | ((exponent + 112u) << 23) | (fraction << 13));
    const float x = static_cast<float>(fraction) * 5.9604644775390625e-8f;  // 2^-24
    return sign != 0 ? -x : x;
  }
};

/** No value was refused. */
constexpr unsigned long long kNothingRefused = ~0ull;
constexpr int kPlaceRowBits = 28, kPlaceColumnBits = 23, kPlaceStageBits = 13;

/**
 * Where kernels tell a value that is refused: the smallest of (stage, row, column) is kept, so that what is told does not depend
 * on which thread was first. The host knows what a stage is (stages.h).
 */
struct Refusals {
  unsigned long long* first;
  std::int32_t stage;

  R3MES_HD void tell(std::int64_t row, std::int64_t column) const {
    const unsigned long long place = (static_cast<unsigned long long>(stage) << (kPlaceRowBits + kPlaceColumnBits)) |
                                     (static_cast<unsigned long long>(row) << kPlaceColumnBits) | static_cast<unsigned long long>(column);
#if defined(__CUDACC__)
    atomicMin(first, place);  // of integers: the order of the threads cannot change it
#else
    if (place < *first) *first = place;
#endif
  }

  R3MES_HD void check(float value, std::int64_t row, std::int64_t column) const {
    if (magnitude_bits(value) >= kInfinityBits) tell(row, column);
  }
};

/** What a norm or a product reads: a row of floats, or relu(gate)² · up made on the fly. */
struct RowSource {
  const float* x;
  const float* up;  // null for plain rows

  R3MES_HD float at(std::int64_t i) const {
    if (up == nullptr) return x[i];
    const float p = x[i] > 0.0f ? x[i] : 0.0f;
    return (p * p) * up[i];
  }
};

/** Rows that skip some of a sequence: of n = i + first, row i stands for token n % per of sequence n / per, `tokens` long each. */
struct TokenRows {
  std::int32_t per;
  std::int32_t tokens;
  std::int64_t first;

  R3MES_HD std::int64_t row(std::int64_t i) const { return (i + first) / per * tokens + (i + first) % per; }
};

}  // namespace r3mes::cuda

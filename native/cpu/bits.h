// Bits of floats, rounding to integers, powers of two: the small change of docs/arithmetic.md §1.
#pragma once

#include <cstdint>
#include <cstring>

#include "r3mes/assumptions.h"

namespace r3mes::cpu {

constexpr std::uint32_t kInfinityBits = 0x7f800000u;
constexpr std::uint32_t kAbsMask = 0x7fffffffu;

inline std::uint32_t bits_of(float x) {
  std::uint32_t b;
  std::memcpy(&b, &x, sizeof b);
  return b;
}

inline float float_of(std::uint32_t b) {
  float x;
  std::memcpy(&x, &b, sizeof x);
  return x;
}

/** 2^e for −126 ≤ e ≤ 127. */
inline float pow2f(int e) { return float_of(static_cast<std::uint32_t>(e + 127) << 23); }

/** 2^e for −1022 ≤ e ≤ 1023. */
inline double pow2d(int e) {
  const std::uint64_t b = static_cast<std::uint64_t>(e + 1023) << 52;
  double x;
  std::memcpy(&x, &b, sizeof x);
  return x;
}

/**
 * rne(x) for |x| < 2^22. Adding 1.5·2^23 moves x to where the spacing of binary32 is 1, so that the addition rounds it;
 * the integer then stands in the low bits.
 */
inline std::int32_t rne_int(float x) {
  return static_cast<std::int32_t>(bits_of(x + 12582912.0f) - 0x4b400000u);
}

/** rne(x) as float, for |x| < 2^22. */
inline float rne_float(float x) { return (x + 12582912.0f) - 12582912.0f; }

/** rne(x) for |x| < 2^51, by the same trick in binary64. */
inline double rne_double(double x) { return (x + 6755399441055744.0) - 6755399441055744.0; }

/** rn(n, e) for |n| < 2^53 given as double, and 2^e as double: the product is exact, the conversion rounds once. */
inline float rn(double n, double pow2e) { return static_cast<float>(n * pow2e); }

/** −0 becomes +0: what is hashed or written to a file has one zero. */
inline float positive_zero(float x) { return x + 0.0f; }

}  // namespace r3mes::cpu

// Numbers inside kernels: the small change of docs/arithmetic.md §1, for the GPU and for its twin on the host. The same
// definitions as native/cpu has, once more because those cannot be compiled for a GPU; the golden hashes hold both together.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "r3mes/assumptions.h"

// Kernel bodies are compiled twice: by nvcc for the GPU, and by the host's compiler for the twin (block.h).
#if defined(__CUDACC__)
#define R3MES_HD __device__ __forceinline__
#define R3MES_UNROLL _Pragma("unroll")
#else
#define R3MES_HD inline
#define R3MES_UNROLL
#endif

namespace r3mes::cuda {

constexpr std::uint32_t kInfinityBits = 0x7f800000u;
/** Mantissas are 256·hi + lo with hi and lo in int8. */
constexpr std::int32_t kMantissaMax = 32639;

R3MES_HD std::uint32_t bits_of(float x) {
  std::uint32_t b;
  memcpy(&b, &x, sizeof b);
  return b;
}

R3MES_HD float float_of(std::uint32_t b) {
  float x;
  memcpy(&x, &b, sizeof x);
  return x;
}

R3MES_HD std::uint32_t magnitude_bits(float x) { return bits_of(x) & 0x7fffffffu; }

/** 2^e for −126 ≤ e ≤ 127. */
R3MES_HD float pow2f(int e) { return float_of(static_cast<std::uint32_t>(e + 127) << 23); }

/** 2^e for −1022 ≤ e ≤ 1023. */
R3MES_HD double pow2d(int e) {
  const std::uint64_t b = static_cast<std::uint64_t>(e + 1023) << 52;
  double x;
  memcpy(&x, &b, sizeof x);
  return x;
}

/** rne(x) for |x| < 2^22: 1.5·2^23 moves x to where the spacing of binary32 is 1. */
R3MES_HD std::int32_t rne_int(float x) { return static_cast<std::int32_t>(bits_of(x + 12582912.0f) - 0x4b400000u); }
R3MES_HD float rne_float(float x) { return (x + 12582912.0f) - 12582912.0f; }
R3MES_HD double rne_double(double x) { return (x + 6755399441055744.0) - 6755399441055744.0; }

/** rn(n, e) for |n| < 2^53 and −1022 ≤ e ≤ 970: conversion and product are exact, the last step rounds once. */
R3MES_HD float rn(std::int64_t n, int e) { return static_cast<float>(static_cast<double>(n) * pow2d(e)); }

/** Exponent of a row of row16 whose largest magnitude has these bits. */
R3MES_HD int row16_exponent(std::uint32_t absmax) {
  int e = static_cast<int>(absmax >> 23) - 126 - 15;
  if (e < -126) e = -126;
  if (rne_int(float_of(absmax) * pow2f(-e)) > kMantissaMax) ++e;
  return e;
}

/** The slices of a mantissa. */
R3MES_HD std::int8_t high_slice(std::int32_t q) { return static_cast<std::int8_t>((q + 128) >> 8); }
R3MES_HD std::int8_t low_slice(std::int32_t q) { return static_cast<std::int8_t>(q); }

/** act8: s of a row, from the bits of its largest magnitude. */
R3MES_HD float act8_scale(std::uint32_t absmax) {
  const float m = float_of(absmax);
  return 127.0f / (m > 1e-5f ? m : 1e-5f);
}

/** Integers in the order of the floats they stand for, −0 below +0. */
R3MES_HD std::uint32_t ordered(float x) {
  const std::uint32_t b = bits_of(x);
  return (b & 0x80000000u) != 0 ? ~b : b | 0x80000000u;
}
R3MES_HD float from_ordered(std::uint32_t b) { return float_of((b & 0x80000000u) != 0 ? b & 0x7fffffffu : ~b); }

/** exp(t) for t ≤ 0 (§1.3, Cephes' expf). */
R3MES_HD float exp_nonpositive(float t) {
  const float n = rne_float(t * 1.44269504f);
  const float r = (t - n * 0.693359375f) - n * -2.12194440e-4f;
  float y = 1.9875691500e-4f;
  y = y * r + 1.3981999507e-3f;
  y = y * r + 8.3334519073e-3f;
  y = y * r + 4.1665795894e-2f;
  y = y * r + 1.6666665459e-1f;
  y = y * r + 5.0000001201e-1f;
  y = (y * (r * r) + r) + 1.0f;
  const std::uint32_t power = bits_of(y) + (static_cast<std::uint32_t>(rne_int(n)) << 23);
  return t < -20.0f ? 0.0f : float_of(power);
}

/** rne(w · 2^30) for 0 ≤ w ≤ 1. */
R3MES_HD std::int32_t fix30(float w) {
  const float x = w * 1073741824.0f;
  const float ulp_one = x < 8388608.0f ? 8388608.0f : 0.0f;
  return static_cast<std::int32_t>((x + ulp_one) - ulp_one);
}

/** log(x) for finite x ≥ 1 (§1.3, Cephes' logf). */
R3MES_HD float log_from_one(float x) {
  const std::uint32_t b = bits_of(x);
  int k = static_cast<int>(b >> 23) - 126;
  const float m = float_of((b & 0x007fffffu) | 0x3f000000u);
  float f = m - 1.0f;
  if (m < 0.707106781186547524f) {
    k -= 1;
    f = (m + m) - 1.0f;
  }
  const float z = f * f;
  float y = 7.0376836292e-2f;
  y = y * f + -1.1514610310e-1f;
  y = y * f + 1.1676998740e-1f;
  y = y * f + -1.2420140846e-1f;
  y = y * f + 1.4249322787e-1f;
  y = y * f + -1.6668057665e-1f;
  y = y * f + 2.0000714765e-1f;
  y = y * f + -2.4999993993e-1f;
  y = y * f + 3.3333331174e-1f;
  y = (y * f) * z;
  const float n = static_cast<float>(k);
  y = y + n * -2.12194440e-4f;
  y = y - 0.5f * z;
  return (f + y) + n * 0.693359375f;
}

}  // namespace r3mes::cuda

// What this core can do at most: multiply-adds of int8 a second, measured with nothing around them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <thread>
#include <vector>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

namespace bench {

inline double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/** Runs the widest int8 (or, below AVX2, int16) multiply-add of this instruction set `rounds` times; returns the multiply-adds. */
inline double multiply_adds(int rounds, std::int32_t* sink) {
#if defined(__AVX512VNNI__)
  constexpr int kSums = 12;
  __m512i sum[kSums], a = _mm512_set1_epi32(0x01020301), b = _mm512_set1_epi32(0x02010201);
#pragma GCC unroll 12
  for (int i = 0; i < kSums; ++i) sum[i] = _mm512_setzero_si512();
  for (int r = 0; r < rounds; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < kSums; ++i) {
      sum[i] = _mm512_dpbusd_epi32(sum[i], a, b);
      asm volatile("" : "+v"(sum[i]));  // else equal sums are computed once
    }
  }
  __m512i all = sum[0];
#pragma GCC unroll 12
  for (int i = 1; i < kSums; ++i) all = _mm512_add_epi32(all, sum[i]);
  *sink += _mm_cvtsi128_si32(_mm512_castsi512_si128(all));
  return 64.0 * kSums * rounds;
#elif defined(__AVX2__)
  constexpr int kSums = 10;
  __m256i sum[kSums], a = _mm256_set1_epi32(0x01020301), b = _mm256_set1_epi32(0x02010201);
#pragma GCC unroll 10
  for (int i = 0; i < kSums; ++i) sum[i] = _mm256_setzero_si256();
  for (int r = 0; r < rounds; ++r) {
#pragma GCC unroll 10
    for (int i = 0; i < kSums; ++i) {
      asm volatile("" : "+x"(a));  // else one product serves all sums
      sum[i] = _mm256_add_epi16(sum[i], _mm256_maddubs_epi16(b, a));
    }
  }
  __m256i all = sum[0];
#pragma GCC unroll 10
  for (int i = 1; i < kSums; ++i) all = _mm256_add_epi16(all, sum[i]);
  *sink += _mm_cvtsi128_si32(_mm256_castsi256_si128(all));
  return 32.0 * kSums * rounds;
#else
  constexpr int kLanes = 64;
  std::int16_t a[kLanes], b[kLanes];
  std::int32_t sum[kLanes] = {};
  for (int i = 0; i < kLanes; ++i) a[i] = static_cast<std::int16_t>(i), b[i] = static_cast<std::int16_t>(3 * i);
  for (int r = 0; r < rounds; ++r) {
    for (int i = 0; i < kLanes; ++i) sum[i] += static_cast<std::int32_t>(a[i]) * static_cast<std::int32_t>(b[i]);
    asm volatile("" : : "r"(a), "r"(b) : "memory");
  }
  for (std::int32_t s : sum) *sink += s;
  return static_cast<double>(kLanes) * rounds;
#endif
}

/** Processor time of this thread, in seconds: what other processes take does not count. */
inline double thread_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

/** Multiply-adds a second of processor time of `threads` threads at once: the best of some short runs. */
inline double peak_multiply_adds(int threads) {
  double best = 0.0;
  for (int run = 0; run < 7; ++run) {
    std::vector<double> speed(threads, 0.0);
    std::vector<std::int32_t> sinks(static_cast<std::size_t>(threads) * 16);
    std::vector<std::thread> workers;
    for (int t = 0; t < threads; ++t) {
      workers.emplace_back([&, t] {
        const double started = thread_seconds(), count = multiply_adds(2000000, &sinks[static_cast<std::size_t>(t) * 16]);
        speed[t] = count / (thread_seconds() - started);
      });
    }
    for (std::thread& worker : workers) worker.join();
    double sum = 0.0;
    for (const double s : speed) sum += s;
    best = std::max(best, sum);
  }
  return best;
}

}  // namespace bench

// Norm, clipping, trimmed mean, AdamW and the first adapter (docs/arithmetic.md §4).
#include "r3mes/optimizer.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "bits.h"
#include "failure.h"
#include "fpenv.h"
#include "quantize.h"

namespace r3mes::cpu {

namespace {

constexpr std::size_t kNormElements = std::size_t{1} << 26;

void check_finite(const char* name, const float* x, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    if (std::isfinite(x[i])) continue;
    throw Failure(R3MES_NOT_FINITE, std::string(name) + " is " + (std::isnan(x[i]) ? "NaN" : "infinite") + " at [" + std::to_string(i) +
                                        "], expected a finite value");
  }
}

float norm_of(const float* g, std::size_t size) {
  std::uint32_t largest = 0;
  std::size_t where = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint32_t b = bits_of(g[i]) & kAbsMask;
    if (b > largest) {
      largest = b;
      where = i;
    }
  }
  if (largest >= kInfinityBits) check_finite("gradient", g, size);
  if (float_of(largest) >= R3MES_GRADIENT_LIMIT) {
    throw Failure(R3MES_OVERFLOW, "gradient is " + std::to_string(g[where]) + " at [" + std::to_string(where) +
                                      "], expected a magnitude below 2^64");
  }
  if (largest == 0) return 0.0f;
  const int e = std::max(static_cast<int>(largest >> 23) - 126 - 18, -126);
  const float scale = pow2f(-e);
  // |q| ≤ 2^18, so S ≤ 2^36 · 2^26 < 2^63.
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const std::int64_t q = rne_int(g[i] * scale);
    sum += q * q;
  }
  return std::sqrt(static_cast<float>(sum)) * pow2f(e);
}

/** sum ÷ n to the nearest integer, ties to even. */
std::int64_t divide_half_even(std::int64_t sum, std::int64_t n) {
  std::int64_t quotient = sum / n, rest = sum % n;
  if (rest < 0) {
    rest += n;
    --quotient;
  }
  const std::int64_t twice = 2 * rest;
  if (twice > n || (twice == n && (quotient & 1) != 0)) ++quotient;
  return quotient;
}

void check_settings(const r3mes_adamw_settings& s, std::uint64_t step) {
  const auto require = [](bool condition, const char* message) {
    if (!condition) throw Failure(R3MES_BAD_VALUE, message);
  };
  require(std::isfinite(s.learning_rate) && s.learning_rate >= 0.0f, "learning rate must be finite and not negative");
  require(s.beta1 >= 0.0f && s.beta1 < 1.0f && s.beta2 >= 0.0f && s.beta2 < 1.0f, "beta1 and beta2 must be at least 0 and below 1");
  require(std::isfinite(s.epsilon) && s.epsilon > 0.0f, "epsilon must be finite and greater than 0");
  require(std::isfinite(s.weight_decay) && s.weight_decay >= 0.0f, "weight decay must be finite and not negative");
  require(step >= 1 && step <= (std::uint64_t{1} << 31), "step must be 1 to 2^31");
}

/** β^t by t − 1 multiplications from the left; once the product no longer changes, neither does the rest. */
float power(float beta, std::uint64_t t) {
  float p = beta;
  for (std::uint64_t i = 1; i < t; ++i) {
    const float next = p * beta;
    if (next == p) break;
    p = next;
  }
  return p;
}

}  // namespace

}  // namespace r3mes::cpu

using namespace r3mes::cpu;

r3mes_status r3mes_clip(float* clipped, float* norm, const float* gradient, size_t size, float max_norm, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    if (size > kNormElements) throw Failure(R3MES_BAD_SHAPE, "a gradient has " + std::to_string(size) + " elements, expected at most 2^26");
    if (!(max_norm > 0.0f) || !std::isfinite(max_norm)) throw Failure(R3MES_BAD_VALUE, "the largest norm must be finite and greater than 0");
    *norm = norm_of(gradient, size);
    if (clipped == nullptr) return;
    const float factor = *norm > max_norm ? max_norm / *norm : 1.0f;
    for (std::size_t i = 0; i < size; ++i) clipped[i] = gradient[i] * factor;
  });
}

r3mes_status r3mes_trimmed_mean(int32_t* mean, const float* const* gradients, size_t count, size_t size, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    if (count == 0) throw Failure(R3MES_BAD_SHAPE, "a mean needs at least one gradient");
    for (std::size_t k = 0; k < count; ++k) check_finite("gradient", gradients[k], size);
    const std::size_t trim = std::min(std::max<std::size_t>(1, count / 5), (count - 1) / 2);
    std::vector<std::int64_t> column(count);
    for (std::size_t i = 0; i < size; ++i) {
      for (std::size_t k = 0; k < count; ++k) {
        const double scaled = static_cast<double>(gradients[k][i]) * 0x1p30;
        column[k] = static_cast<std::int64_t>(rne_double(std::clamp(scaled, -2147483647.0, 2147483647.0)));
      }
      std::sort(column.begin(), column.end());
      std::int64_t sum = 0;
      for (std::size_t k = trim; k < count - trim; ++k) sum += column[k];
      mean[i] = static_cast<std::int32_t>(divide_half_even(sum, static_cast<std::int64_t>(count - 2 * trim)));
    }
  });
}

void r3mes_mean_gradient(float* gradient, const int32_t* mean, size_t size) {
  const FloatEnvironment environment;
  const auto convert = [&] {
    for (std::size_t i = 0; i < size; ++i) gradient[i] = rn(mean[i], 0x1p-30);
  };
  apart(convert);
}

r3mes_status r3mes_adamw(float* new_parameters, float* new_first, float* new_second, const float* parameters, const float* first,
                         const float* second, const float* gradient, size_t size, const r3mes_adamw_settings* settings,
                         uint64_t step, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    check_settings(*settings, step);
    check_finite("parameters", parameters, size);
    check_finite("first moment", first, size);
    check_finite("second moment", second, size);
    check_finite("gradient", gradient, size);
    const float lr = settings->learning_rate, beta1 = settings->beta1, beta2 = settings->beta2, eps = settings->epsilon;
    const float decay = 1.0f - lr * settings->weight_decay;
    const float rest1 = 1.0f - beta1, rest2 = 1.0f - beta2;
    const float b1 = 1.0f - power(beta1, step), b2 = 1.0f - power(beta2, step);
    for (std::size_t i = 0; i < size; ++i) {
      if (second[i] < 0.0f) throw Failure(R3MES_BAD_VALUE, "second moment is negative at [" + std::to_string(i) + "]");
      const float g = gradient[i];
      const float decayed = parameters[i] * decay;
      const float m = beta1 * first[i] + rest1 * g;
      const float v = beta2 * second[i] + rest2 * (g * g);
      const float corrected = v / b2;
      if (corrected >= float_of(kInfinityBits) && std::isfinite(v)) {  // dividing by it would give an update of 0 that nothing notices
        throw Failure(R3MES_NOT_FINITE, "corrected second moment is infinite at [" + std::to_string(i) + "], expected a finite value");
      }
      const float p = decayed - (lr * (m / b1)) / (std::sqrt(corrected) + eps);
      new_parameters[i] = positive_zero(p);
      new_first[i] = positive_zero(m);
      new_second[i] = positive_zero(v);
    }
    check_finite("new parameters", new_parameters, size);
    check_finite("new first moment", new_first, size);
    check_finite("new second moment", new_second, size);
  });
}

r3mes_status r3mes_initial_lora_a(float* values, uint64_t seed, int32_t rank, int32_t in, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    if (rank < 1 || rank > 4096 || in < 1 || in >= 1 << 17) {
      throw Failure(R3MES_BAD_SHAPE, "lora_A is [" + std::to_string(rank) + ", " + std::to_string(in) + "], expected at most [4096, 131071]");
    }
    const float bound = 1.0f / std::sqrt(static_cast<float>(in));
    std::uint64_t state = seed;
    for (std::size_t i = 0; i < static_cast<std::size_t>(rank) * in; ++i) {
      state += 0x9e3779b97f4a7c15u;
      std::uint64_t z = state;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
      z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
      z = z ^ (z >> 31);
      values[i] = positive_zero((static_cast<float>(z >> 40) * 0x1p-23f - 1.0f) * bound);
    }
  });
}

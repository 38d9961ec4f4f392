// Tables that are made once, in binary64 with + − × ÷ only (docs/arithmetic.md §1.4).
#pragma once

#include <vector>

namespace r3mes::cpu {

/** Natural logarithm of x > 0 and exponential of |x| < 700, good to about 2^-51; the same bits everywhere. */
double ln64(double x);
double exp64(double x);

/** Cosine and sine of 0 ≤ angle < 2^20. */
void cos_sin64(double angle, double* cosine, double* sine);

/** cos and sin of position · inv_freq: [positions, head_size / 2] each. */
struct RopeTable {
  int half = 0;
  std::vector<float> cosine;
  std::vector<float> sine;
};

/** inv_freq_i = f32(exp64(−(2i / d) · ln64(theta))), i < d / 2. */
std::vector<float> inverse_frequencies(int head_size, double theta);

RopeTable rope_table(int positions, const std::vector<float>& inverse_frequency);

}  // namespace r3mes::cpu

// What stands between the gate and the down projection (docs/arithmetic.md §2.5).
#pragma once

#include <cstddef>

namespace r3mes::cpu {

/** out = max(gate, 0)² × up, element by element; out may be neither. */
inline void squared_relu(const float* gate, const float* up, std::size_t n, float* out) {
  for (std::size_t i = 0; i < n; ++i) {
    const float p = gate[i] > 0.0f ? gate[i] : 0.0f;
    out[i] = (p * p) * up[i];
  }
}

}  // namespace r3mes::cpu

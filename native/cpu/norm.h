// RMSNorm and rotary embedding of one row (docs/arithmetic.md §2.2, §2.4, §3.2, §3.5).
#pragma once

#include <cstdint>

#include "arena.h"
#include "failure.h"

namespace r3mes::cpu {

/** y_c = (x_c × rstd) × w_c. Returns rstd = 1 ÷ √(rn(Σ q², 2e) ÷ n + eps), q and e the row16 of x. */
float rms_norm(const float* x, const float* w, int n, float eps, float* y, Arena& arena, const Where& where, std::int64_t row);

/** y_c = (x_c × rstd) × w_c with a rstd that is known. */
void rms_scale(const float* x, const float* w, int n, float rstd, float* y);

/** dx_c = (g_c − h_c × m) × rstd with g = dy × w, h = x × rstd, m = rn(Σ qg·qh, eg + eh) ÷ n. dx may be dy. */
void rms_norm_backward(const float* dy, const float* x, const float* w, float rstd, int n, float* dx, Arena& arena,
                       const Where& where, std::int64_t row);

/** Rotates the pairs (x_i, x_{i+half}) of one head in place. */
void rope(float* x, int half, const float* cosine, const float* sine);

/** The transpose of `rope`. */
void rope_backward(float* dx, int half, const float* cosine, const float* sine);

}  // namespace r3mes::cpu

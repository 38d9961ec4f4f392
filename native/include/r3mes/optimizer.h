/** What is done with gradients: norm, clipping, trimmed mean, AdamW, and the adapter that training starts from. */
#ifndef R3MES_OPTIMIZER_H
#define R3MES_OPTIMIZER_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Gradients whose magnitudes stay below this can be clipped and averaged without overflow. */
#define R3MES_GRADIENT_LIMIT 18446744073709551616.0f /* 2^64 */

/** Scales a gradient to at most `max_norm`.
 *
 *  Returns: R3MES_OK; NOT_FINITE; OVERFLOW for a magnitude of R3MES_GRADIENT_LIMIT or more; BAD_SHAPE for more than
 *           2^26 elements; BAD_VALUE for a max_norm that is not finite and positive.
 *  Out: clipped  float32 [size]; may be null where only the norm is wanted.
 *       *norm    before clipping.
 */
r3mes_status r3mes_clip(float *clipped, float *norm, const float *gradient, size_t size, float max_norm, r3mes_error *error);

/** Coordinate-wise mean without the min(max(1, ⌊n/5⌋), ⌊(n−1)/2⌋) largest and smallest.
 *
 *  Returns: R3MES_OK; BAD_SHAPE without gradients; NOT_FINITE.
 *  Out: mean       int32 [size], units of 2^-30, ties to even.
 *  In:  gradients  [count] vectors float32 [size], clipped.
 */
r3mes_status r3mes_trimmed_mean(int32_t *mean, const float *const *gradients, size_t count, size_t size, r3mes_error *error);

/** gradient = rn(mean, −30). */
void r3mes_mean_gradient(float *gradient, const int32_t *mean, size_t size);

typedef struct {
  float learning_rate;
  float beta1;
  float beta2;
  float epsilon;
  float weight_decay;
} r3mes_adamw_settings;

/** One step of AdamW. Outputs hold no −0.
 *
 *  Returns: R3MES_OK; NOT_FINITE for an input or result that is not finite; BAD_VALUE for a setting out of range
 *           (0 ≤ β < 1, ε > 0, learning rate and decay ≥ 0), a step of 0, a negative second moment.
 *  Out: new_parameters, new_first, new_second  float32 [size].
 *  In:  parameters, first, second, gradient    float32 [size].
 *       step                                   counts from 1, at most 2^31.
 */
r3mes_status r3mes_adamw(float *new_parameters, float *new_first, float *new_second, const float *parameters, const float *first,
                         const float *second, const float *gradient, size_t size, const r3mes_adamw_settings *settings,
                         uint64_t step, r3mes_error *error);

/** Values of one lora_A [rank, in] of a new adapter (its lora_B is 0): uniform in ±1 ÷ √in from splitmix64.
 *  Returns: R3MES_OK or BAD_SHAPE. Out: values float32 [rank · in]. */
r3mes_status r3mes_initial_lora_a(float *values, uint64_t seed, int32_t rank, int32_t in, r3mes_error *error);

#ifdef __cplusplus
}
#endif

#endif

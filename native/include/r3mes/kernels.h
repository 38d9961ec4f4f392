/**
 * The operators one by one, for tests and for comparing another implementation with this one, byte for byte.
 * docs/arithmetic.md defines each; its paragraph stands behind the name. All run on the calling thread.
 *
 * Every function returns R3MES_OK, BAD_SHAPE for a size out of range (rows and columns: 1 to 2^20, where nothing else is
 * said), NOT_FINITE for an input or, by overflow, a result, or what its own line names; `error` may be null.
 */
#ifndef R3MES_KERNELS_H
#define R3MES_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** §1.1. Out: q int8 [rows, n]; dequant_scale float32 [rows]. In: x float32 [rows, n]. */
r3mes_status r3mes_act8(int8_t *q, float *dequant_scale, const float *x, int32_t rows, int32_t n, r3mes_error *error);

/** §1.2. Out: q int16 [rows, n]; e int32 [rows]. In: x float32 [rows, n]. x ≈ q · 2^e. */
r3mes_status r3mes_row16(int16_t *q, int32_t *e, const float *x, int32_t rows, int32_t n, r3mes_error *error);

/** §1.2: row16 of the columns of x, folded. Out: q int16 [n, rows]; e int32 [n]. In: x float32 [rows, n]; fold float32
 *  [rows], powers of two, or null. */
r3mes_status r3mes_row16_columns(int16_t *q, int32_t *e, const float *x, const float *fold, int32_t rows, int32_t n,
                                 r3mes_error *error);

/** §1.2. Out: y float32 [m, n] = dot of every row of a [m, k] with every row of b [n, k]. Needs k < 2^23. */
r3mes_status r3mes_dot16(float *y, const float *a, const float *b, int32_t m, int32_t n, int32_t k, r3mes_error *error);

/** §1.3. exp(t) for t ≤ 0; log(x) for x ≥ 1; fix30(w) for 0 ≤ w ≤ 1. */
float r3mes_exp(float t);
float r3mes_log(float x);
int32_t r3mes_fix30(float w);

/** §1.4. Out: cosine, sine float32 [positions, head_size / 2]. In: head_size even, at most 1,024;
 *  1 < theta < 1e30, else BAD_VALUE. */
r3mes_status r3mes_rope_table(float *cosine, float *sine, int32_t positions, int32_t head_size, double theta, r3mes_error *error);

/** §2.2. Out: y float32 [rows, n]; rstd float32 [rows]. In: x [rows, n]; w [n]. */
r3mes_status r3mes_rms_norm(float *y, float *rstd, const float *x, const float *w, float eps, int32_t rows, int32_t n,
                            r3mes_error *error);

/** §3.2. Out: dx float32 [rows, n]. In: dy, x [rows, n]; w [n]; rstd [rows]. */
r3mes_status r3mes_rms_norm_backward(float *dx, const float *dy, const float *x, const float *w, const float *rstd, int32_t rows,
                                     int32_t n, r3mes_error *error);

/** A linear layer with LoRA. w int8 [out, in] of −1, 0, 1, else BAD_VALUE; in < 2^17, out ≤ 65,793, rank ≤ 4,096.
 *  a float32 [rank, in] and b float32 [out, rank], null without. */
typedef struct {
  const int8_t *w;
  float scale;
  const float *a;
  const float *b;
  float scaling;
  int32_t in, out, rank;
} r3mes_linear;

/** §2.3. Out: y float32 [rows, out]; u float32 [rows, rank], null without LoRA. In: x [rows, in]. */
r3mes_status r3mes_linear_forward(float *y, float *u, const r3mes_linear *linear, const float *x, int32_t rows, r3mes_error *error);

/** §3.3, for the tokens of one sequence. Out: dx [rows, in]; da [rank, in] and db [out, rank], null without LoRA.
 *  In: dy [rows, out]; x [rows, in]; u [rows, rank] as r3mes_linear_forward gave it. */
r3mes_status r3mes_linear_backward(float *dx, float *da, float *db, const r3mes_linear *linear, const float *dy, const float *x,
                                   const float *u, int32_t rows, r3mes_error *error);

/** §2.4, one head. Out: o [tokens, d]; row_max, inverse_sum [tokens]. In: q, k, v [tokens, d] after RoPE. */
r3mes_status r3mes_attention(float *o, float *row_max, float *inverse_sum, const float *q, const float *k, const float *v,
                             int32_t tokens, int32_t d, r3mes_error *error);

/** §3.5, one head, before the inverse RoPE. Out: dq, dk, dv [tokens, d]. In: what r3mes_attention took and gave, d_o [tokens, d].
 *  striped: 0 computes with whole matrices, 1 in stripes, as for long sequences; the bits are the same. */
r3mes_status r3mes_attention_backward(float *dq, float *dk, float *dv, const float *d_o, const float *q, const float *k, const float *v,
                                      const float *o, const float *row_max, const float *inverse_sum, int32_t tokens, int32_t d,
                                      int32_t striped, r3mes_error *error);

/** §2.6, §2.7, §3.1. Out: logits [rows, vocab]; losses int64 [rows], units of 2^-20; dn [rows, hidden].
 *  In: embedding [vocab, hidden]; n [rows, hidden]; labels [rows]; job_labels, the number that the loss is divided by.
 *  BAD_TOKEN for a label outside the vocabulary, OVERFLOW for a loss of 2^22 nats or more. */
r3mes_status r3mes_head(float *logits, int64_t *losses, float *dn, const float *embedding, const float *n, const int32_t *labels,
                        int32_t job_labels, int32_t rows, int32_t vocab, int32_t hidden, r3mes_error *error);

#ifdef __cplusplus
}
#endif

#endif

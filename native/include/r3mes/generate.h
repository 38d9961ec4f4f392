/** Generation: a sequence that grows, with its keys and values kept. Every logit has the bits of r3mes_logits on the whole sequence. */
#ifndef R3MES_GENERATE_H
#define R3MES_GENERATE_H

#include <stddef.h>
#include <stdint.h>

#include "model.h"
#include "status.h"
#include "train.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct r3mes_session r3mes_session;

/** An empty sequence. Uses the model until it is destroyed; the adapter is taken over.
 *
 *  Returns: R3MES_OK; BAD_VALUE for LoRA settings or threads out of range; BAD_SHAPE for a capacity beyond max_positions or an adapter
 *           of another size; NOT_FINITE for a weight of the adapter; OUT_OF_MEMORY.
 *  Out: *session  to be given to r3mes_session_destroy; null on failure.
 *  In:  lora, adapter  null: the backbone alone.
 *       capacity       most tokens that it can hold, 1 to max_positions. Bytes a token:
 *                      layers · kv_heads · (4·head_size + 32) + 4·hidden_size + heads · (2·head_size + 12).
 */
r3mes_status r3mes_session_create(r3mes_session **session, const r3mes_model *model, const r3mes_lora *lora, const float *adapter,
                                  size_t adapter_size, int32_t capacity, int32_t threads, r3mes_error *error);

/** Frees a session that no call uses any more. Null is allowed. */
void r3mes_session_destroy(r3mes_session *session);

/** Tokens that it holds. */
int32_t r3mes_session_length(const r3mes_session *session);

/** Forgets all tokens from `length` on. Returns BAD_VALUE where it holds fewer. Not while another call runs. */
r3mes_status r3mes_session_rewind(r3mes_session *session, int32_t length, r3mes_error *error);

/** Adds tokens, many at once (prefill) or one (decode): bits do not depend on how a sequence is cut. One call at a time.
 *
 *  Returns: R3MES_OK; BAD_SHAPE for no tokens or more than the capacity holds; BAD_TOKEN; BAD_VALUE; NOT_FINITE; OUT_OF_MEMORY;
 *           CANCELLED. After a refusal it holds what it held before.
 *  Out: logits  float32 [wanted, vocab] of the last `wanted` of these tokens; may be null where wanted is 0.
 *  In:  options  micro_batch is not looked at.
 */
r3mes_status r3mes_session_extend(float *logits, int32_t wanted, r3mes_session *session, const int32_t *tokens, int32_t count,
                                  const r3mes_run_options *options, r3mes_error *error);

/** Weights of the softmax in fixed point: fix30(exp((x − max) / temperature)), 0 to 2^30 + 2^7. Sampling with integers needs no more.
 *
 *  Returns: R3MES_OK; BAD_VALUE for a temperature that is not finite and greater than 0; NOT_FINITE for a logit.
 *  Out: weights int32 [vocab].  In: logits float32 [vocab].
 */
r3mes_status r3mes_sampling_weights(int32_t *weights, const float *logits, int32_t vocab, float temperature, r3mes_error *error);

#ifdef __cplusplus
}
#endif

#endif

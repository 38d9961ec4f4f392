/** One job: loss and gradients of an adapter over sequences of tokens; and the forward pass alone. */
#ifndef R3MES_TRAIN_H
#define R3MES_TRAIN_H

#include <stddef.h>
#include <stdint.h>

#include "model.h"
#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** How a call computes. Nothing of it changes a bit of the result. */
typedef struct {
  int32_t threads;     /* at least 1; more than 1,024 are taken as 1,024 */
  int32_t micro_batch; /* sequences processed at once, at least 1; memory grows with it */
  /** Asked between pieces of work, from any thread; anything but 0 ends the call with R3MES_CANCELLED. May be null. */
  int (*cancelled)(void *context);
  void *context;
  /** Memory for what the backward pass needs of the layers of a micro-batch; where they need more, only the input of every
   *  layer is kept and layers are computed again. 0: 1 GiB. */
  int64_t activation_bytes;
} r3mes_run_options;

/** Sequences of equal length. The label of a token is the next one of its sequence; the last has none. */
typedef struct {
  const int32_t *tokens;   /* [sequences, sequence_length] */
  int32_t sequences;       /* at least 1 */
  int32_t sequence_length; /* 1 to max_positions */
  const r3mes_lora *lora;  /* null: the backbone alone */
  const float *adapter;    /* flat vector of r3mes_adapter_layout; null exactly where lora is */
  size_t adapter_size;     /* its elements */
} r3mes_sequences;

/** Forward and backward pass.
 *
 *  Returns: R3MES_OK; BAD_SHAPE; BAD_VALUE; BAD_TOKEN (names sequence, position, value, vocabulary); NO_LABELS;
 *           NOT_FINITE (names tensor and index); OVERFLOW; OUT_OF_MEMORY; CANCELLED.
 *           Outputs are complete or meaningless, never partly right.
 *  Out: gradients        float32 [adapter_size], no −0.
 *       sequence_losses  int64 [sequences], sum over the labels in units of 2^-20 nats.
 *       *loss            mean over all labels, in nats.
 *  In:  batch            with an adapter.
 */
r3mes_status r3mes_train_step(float *gradients, int64_t *sequence_losses, float *loss, const r3mes_model *model,
                              const r3mes_sequences *batch, const r3mes_run_options *options, r3mes_error *error);

/** Forward pass and loss. Same outputs and refusals as r3mes_train_step, without gradients. */
r3mes_status r3mes_evaluate(int64_t *sequence_losses, float *loss, const r3mes_model *model, const r3mes_sequences *batch,
                            const r3mes_run_options *options, r3mes_error *error);

/** Forward pass. Out: logits float32 [sequences, sequence_length, vocab]. A sequence of one token is allowed. */
r3mes_status r3mes_logits(float *logits, const r3mes_model *model, const r3mes_sequences *batch, const r3mes_run_options *options,
                          r3mes_error *error);

#ifdef __cplusplus
}
#endif

#endif

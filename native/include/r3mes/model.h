/** A frozen BitNet b1.58 backbone in memory. Immutable once made; any number of calls may read it at the same time. */
#ifndef R3MES_MODEL_H
#define R3MES_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Linear layers of a transformer layer, in this order everywhere. */
#define R3MES_LINEARS 7
enum { R3MES_Q, R3MES_K, R3MES_V, R3MES_O, R3MES_GATE, R3MES_UP, R3MES_DOWN };

typedef struct {
  int32_t hidden_size;   /* heads · head_size, at most 65,536, a multiple of 4 */
  int32_t ffn_size;      /* below 65,793, a multiple of 4 */
  int32_t layers;        /* at most 1,024 */
  int32_t heads;         /* at most 1,024 */
  int32_t kv_heads;      /* divides heads; kv_heads · head_size a multiple of 4 */
  int32_t head_size;     /* even, at most 1,024 */
  int32_t vocab_size;    /* below 2^23 */
  int32_t max_positions; /* at most 2^20 */
  float rms_epsilon;     /* greater than 0 */
  double rope_theta;     /* greater than 1, below 10^30 */
} r3mes_model_shape;

typedef enum { R3MES_F32 = 0, R3MES_BF16 = 1, R3MES_F16 = 2 } r3mes_float_type;

/** A float matrix as a checkpoint holds it: little-endian, row-major. */
typedef struct {
  r3mes_float_type type;
  const void *data;
  size_t size_bytes;
} r3mes_raw_matrix;

/** Ternary weights as a checkpoint packs them: uint8 [out / 4, in]; bits 2i..2i+1 of row r hold output row
 *  i·(out/4) + r; code = w + 1. `scale` multiplies the product (autobitlinear). */
typedef struct {
  const uint8_t *codes;
  size_t size_bytes;
  float scale;
} r3mes_packed_matrix;

typedef struct {
  const float *input_norm;          /* [hidden] */
  const float *attention_sub_norm;  /* [hidden] */
  const float *post_attention_norm; /* [hidden] */
  const float *ffn_sub_norm;        /* [ffn] */
  r3mes_packed_matrix linears[R3MES_LINEARS];
} r3mes_layer_weights;

typedef struct {
  r3mes_raw_matrix embedding;         /* [vocab, hidden] */
  r3mes_raw_matrix head;              /* [vocab, hidden]; data null where it is the embedding */
  const float *final_norm;            /* [hidden] */
  const r3mes_layer_weights *layers;  /* [layers] */
} r3mes_model_weights;

typedef struct r3mes_model r3mes_model;

/** Copies the weights into the form that the kernels use: 2 bits a ternary weight, twice (by row and by column).
 *
 *  Returns: R3MES_OK; BAD_SHAPE for a size that contradicts the shape or breaks a bound named above; BAD_VALUE for a
 *           code of 3, a scale that is not positive, rms_epsilon, rope_theta or threads out of range; NOT_FINITE for a
 *           weight that is NaN or infinity; OUT_OF_MEMORY.
 *  Out: *model   to be given to r3mes_model_destroy; null on failure.
 *       *error   may be null.
 *  In:  threads  at least 1; more than 1,024 are taken as 1,024.
 */
r3mes_status r3mes_model_create(r3mes_model **model, const r3mes_model_shape *shape, const r3mes_model_weights *weights,
                                int32_t threads, r3mes_error *error);

/** Frees a model that no call uses any more. Null is allowed. */
void r3mes_model_destroy(r3mes_model *model);

/** What the model was created with; lives as long as it. */
const r3mes_model_shape *r3mes_model_get_shape(const r3mes_model *model);

/** LoRA on the backbone: y = W x + (alpha / rank) B A x on every target of every layer. */
typedef struct {
  int32_t rank;     /* 1 to 4,096 */
  float alpha;      /* finite, greater than 0 */
  uint32_t targets; /* bit i: linear i; at least one */
} r3mes_lora;

/** One tensor of an adapter. All of them stand one after the other in a flat vector, sorted by name as bytes. */
typedef struct {
  char name[96]; /* PEFT key: base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight */
  int32_t rows;  /* lora_A [rank, in], lora_B [out, rank] */
  int32_t columns;
  size_t offset; /* first element in the flat vector */
} r3mes_adapter_tensor;

/** Returns: R3MES_OK or BAD_VALUE.
 *  Out: *count    number of tensors.
 *       *size     number of elements of the flat vector.
 *       tensors   [*count]; null to ask for the count first.
 */
r3mes_status r3mes_adapter_layout(size_t *count, size_t *size, r3mes_adapter_tensor *tensors, const r3mes_model *model,
                                  const r3mes_lora *lora, r3mes_error *error);

#ifdef __cplusplus
}
#endif

#endif

/**
 * The same computations on an NVIDIA GPU, with the same bits. The driver is loaded when the first of these is called, so a
 * program with them runs where there is no GPU, and says so. Calls on one model wait for each other.
 */
#ifndef R3MES_CUDA_H
#define R3MES_CUDA_H

#include <stddef.h>
#include <stdint.h>

#include "model.h"
#include "status.h"
#include "train.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Not GPUs: the kernels on the host, thread by thread, for tests; as on GPUs without and with tensor cores. */
#define R3MES_CUDA_TWIN (-1)
#define R3MES_CUDA_TENSOR_TWIN (-2)

typedef struct {
  char name[128];
  /** Compute capability, e.g. 9 and 0. */
  int32_t major, minor;
  /** "Pascal" … "Blackwell"; "sm_XY" for one that this build does not know by name. */
  char architecture[32];
  /** Version of CUDA that the driver speaks, e.g. "13.0". */
  char driver[32];
  uint64_t total_bytes;
  uint64_t free_bytes;
} r3mes_cuda_device;

/** Whether this build holds kernels; without them no GPU can be used. */
int32_t r3mes_cuda_has_kernels(void);

/** Number of GPUs. Returns: R3MES_OK, also for none; DEVICE_FAILED where there is no driver or it does not start (the
 *  message says which), or where this build holds no kernels. */
r3mes_status r3mes_cuda_count(int32_t *count, r3mes_error *error);

/** What GPU `index` is. Returns: R3MES_OK; BAD_VALUE for an index that is not there; DEVICE_FAILED. */
r3mes_status r3mes_cuda_describe(r3mes_cuda_device *device, int32_t index, r3mes_error *error);

typedef struct r3mes_cuda_model r3mes_cuda_model;

/** Puts a model into the memory of a GPU.
 *
 *  Returns: R3MES_OK; BAD_VALUE; OUT_OF_MEMORY (names bytes needed and free); DEVICE_FAILED.
 *  Out: *made     to be given to r3mes_cuda_model_destroy; null on failure.
 *  In:  index     of the GPU, or a twin.
 *       model     made from the same weights, which it has checked; must live as long as *made.
 *       weights   may be freed afterwards.
 */
r3mes_status r3mes_cuda_model_create(r3mes_cuda_model **made, int32_t index, const r3mes_model *model,
                                     const r3mes_model_weights *weights, r3mes_error *error);

/** Null is allowed. */
void r3mes_cuda_model_destroy(r3mes_cuda_model *model);

/** How a training job is cut to fit into the free memory. None of it changes a bit of the result. */
typedef struct {
  int32_t micro_batch; /* sequences at once */
  int32_t recompute;   /* 1: a layer's forward pass is computed again in the backward pass, instead of being kept */
  uint64_t bytes;      /* what it takes, besides the model */
} r3mes_cuda_plan;

r3mes_status r3mes_cuda_plan_train_step(r3mes_cuda_plan *plan, r3mes_cuda_model *model, const r3mes_sequences *batch,
                                        const r3mes_run_options *options, r3mes_error *error);

/** As in train.h; besides its refusals DEVICE_FAILED. options->micro_batch is the most that is taken, 0: whatever fits;
 *  options->threads and activation_bytes are not looked at. NOT_FINITE names the first tensor and index that a kernel saw. */
r3mes_status r3mes_cuda_train_step(float *gradients, int64_t *sequence_losses, float *loss, r3mes_cuda_model *model,
                                   const r3mes_sequences *batch, const r3mes_run_options *options, r3mes_error *error);
r3mes_status r3mes_cuda_evaluate(int64_t *sequence_losses, float *loss, r3mes_cuda_model *model, const r3mes_sequences *batch,
                                 const r3mes_run_options *options, r3mes_error *error);
r3mes_status r3mes_cuda_logits(float *logits, r3mes_cuda_model *model, const r3mes_sequences *batch, const r3mes_run_options *options,
                               r3mes_error *error);

#ifdef __cplusplus
}
#endif

#endif

/**
 * What every call of the engine returns, and how it explains a refusal.
 *
 * Conventions of all headers here: outputs come first, then inputs, the error last. Sizes and units stand in names or
 * behind them. Arrays are row-major and never overlap. No call throws, keeps a pointer to its arguments, or changes the
 * floating-point environment of its caller: it works under round-to-nearest with subnormals and restores what it found.
 */
#ifndef R3MES_STATUS_H
#define R3MES_STATUS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Goes into every gradient hash; docs/arithmetic.md defines it. Rises with any change of a bit. */
#define R3MES_ARITHMETIC_VERSION 1

typedef enum {
  R3MES_OK = 0,
  /** A size that contradicts another, or one beyond the bound that keeps an integer sum exact. */
  R3MES_BAD_SHAPE = 1,
  /** A setting or a packed weight that is not allowed. */
  R3MES_BAD_VALUE = 2,
  /** NaN or infinity in an input or, by overflow, in a result; the message names tensor and index. */
  R3MES_NOT_FINITE = 3,
  /** A token id outside the vocabulary. */
  R3MES_BAD_TOKEN = 4,
  /** A loss was asked for, and no token has a next one. */
  R3MES_NO_LABELS = 5,
  /** A finite value that leaves the range of its format. */
  R3MES_OVERFLOW = 6,
  R3MES_OUT_OF_MEMORY = 7,
  R3MES_CANCELLED = 8,
  /** A GPU that is not there, or a driver that reports an error; what it computed is lost. */
  R3MES_DEVICE_FAILED = 9
} r3mes_status;

typedef struct {
  r3mes_status status;
  /** UTF-8, ends with 0; what was seen and what was expected. */
  char message[384];
} r3mes_error;

#ifdef __cplusplus
}
#endif

#endif

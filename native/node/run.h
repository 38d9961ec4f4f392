// Forward and backward passes as promises.
#pragma once

#include "values.h"

namespace r3mes::node {

/** trainStep(model, request) */
Napi::Value train_step(const Napi::CallbackInfo& info);
/** evaluate(model, request) */
Napi::Value evaluate(const Napi::CallbackInfo& info);
/** logits(model, request) */
Napi::Value logits(const Napi::CallbackInfo& info);

/** Whether JavaScript stored anything but 0 into the Int32Array whose memory `flag` is; asked from the engine's threads. */
int is_cancelled(void* flag);

}  // namespace r3mes::node

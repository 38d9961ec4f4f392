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

}  // namespace r3mes::node

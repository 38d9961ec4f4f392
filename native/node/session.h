// A growing sequence as JavaScript holds it.
#pragma once

#include "values.h"

namespace r3mes::node {

/** createSession(model, {lora?, adapter?, capacity, threads}): a promise of an object with length, extend, rewind and dispose. */
Napi::Value create_session(const Napi::CallbackInfo& info);
/** samplingWeights(logits, temperature) */
Napi::Value sampling_weights(const Napi::CallbackInfo& info);

/** The class of session objects. */
Napi::Function define_session(Napi::Env env);

}  // namespace r3mes::node

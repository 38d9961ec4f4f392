// What is done with gradients: clipping, trimmed mean, AdamW, the first adapter.
#pragma once

#include "values.h"

namespace r3mes::node {

/** clip(gradient, maxNorm) */
Napi::Value clip(const Napi::CallbackInfo& info);
/** trimmedMean(gradients) */
Napi::Value trimmed_mean(const Napi::CallbackInfo& info);
/** meanGradient(mean) */
Napi::Value mean_gradient(const Napi::CallbackInfo& info);
/** adamW(request) */
Napi::Value adamw(const Napi::CallbackInfo& info);
/** initialLoraA(seed, rank, inFeatures) */
Napi::Value initial_lora_a(const Napi::CallbackInfo& info);

}  // namespace r3mes::node

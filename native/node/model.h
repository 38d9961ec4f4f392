// The backbone as JavaScript holds it.
#pragma once

#include <memory>

#include "r3mes/cuda.h"
#include "r3mes/model.h"
#include "values.h"

namespace r3mes::node {

using SharedModel = std::shared_ptr<r3mes_model>;
using SharedCudaModel = std::shared_ptr<r3mes_cuda_model>;

/** createModel(shape, weights, gpu?): a promise of an object with dispose(). With a GPU's number it is put there as well. */
Napi::Value create_model(const Napi::CallbackInfo& info);
/** adapterLayout(model, lora) */
Napi::Value adapter_layout(const Napi::CallbackInfo& info);

/** The engine's model behind a JavaScript object. @throws where it is none, or was disposed of. */
SharedModel read_model(const Napi::Value& value);
/** The same on a GPU; null where it is on none. */
SharedCudaModel read_cuda_model(const Napi::Value& value);
r3mes_lora read_lora(const Napi::Value& value);

/** Declares the classes of model and session objects; once an environment. */
void declare_classes(Napi::Env env);
/** A session object that holds nothing yet. */
Napi::Object new_session(Napi::Env env);

}  // namespace r3mes::node

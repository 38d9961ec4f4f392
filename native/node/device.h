// The GPUs of this machine.
#pragma once

#include "r3mes/cuda.h"
#include "values.h"

namespace r3mes::node {

/** cudaDevices(): a list; throws where there is no driver, or it does not start. */
Napi::Value cuda_devices(const Napi::CallbackInfo& info);

}  // namespace r3mes::node

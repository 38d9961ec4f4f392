// An adapter made ready for products.
#pragma once

#include <vector>

#include "model.h"
#include "pool.h"

namespace r3mes::cpu {

/** LoRA of [layer · R3MES_LINEARS + linear]; empty where a linear is no target. Throws NOT_FINITE. */
std::vector<LoraLinear> prepare_adapter(const r3mes_model_shape& shape, const r3mes_lora& lora, const AdapterLayout& layout, const float* values,
                                        Pool& pool);

}  // namespace r3mes::cpu

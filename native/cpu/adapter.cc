#include "adapter.h"

#include <string>

namespace r3mes::cpu {

std::vector<LoraLinear> prepare_adapter(const r3mes_model_shape& shape, const r3mes_lora& lora, const AdapterLayout& layout, const float* values,
                                        Pool& pool) {
  const float scaling = lora.alpha / static_cast<float>(lora.rank);
  std::vector<LoraLinear> prepared(layout.a.size());
  pool.run(static_cast<int>(layout.a.size()), [&](int i, Arena&) {
    const int linear = i % R3MES_LINEARS;
    if ((lora.targets >> linear & 1u) == 0) return;
    const std::string name = std::string(linear_name(linear)) + ".lora_";
    const std::string a = name + "A.weight", b = name + "B.weight";
    prepared[i] = prepare_lora(values + layout.a[i], values + layout.b[i], lora.rank, linear_in(shape, linear), linear_out(shape, linear), scaling,
                               Where{a.c_str(), i / R3MES_LINEARS}, Where{b.c_str(), i / R3MES_LINEARS});
  });
  return prepared;
}

}  // namespace r3mes::cpu

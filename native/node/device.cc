#include "device.h"

namespace r3mes::node {

Napi::Value cuda_devices(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  r3mes_error error{};
  std::int32_t count = 0;
  r3mes_status status = r3mes_cuda_count(&count, &error);
  Napi::Array list = Napi::Array::New(env);
  for (std::int32_t i = 0; status == R3MES_OK && i < count; ++i) {
    r3mes_cuda_device device{};
    status = r3mes_cuda_describe(&device, i, &error);
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("index", i);
    entry.Set("name", device.name);
    entry.Set("architecture", device.architecture);
    entry.Set("capability", std::to_string(device.major) + "." + std::to_string(device.minor));
    entry.Set("driver", device.driver);
    entry.Set("totalBytes", static_cast<double>(device.total_bytes));
    entry.Set("freeBytes", static_cast<double>(device.free_bytes));
    list.Set(static_cast<std::uint32_t>(i), entry);
  }
  if (status != R3MES_OK) throw make_error(env, status, error.message);
  return list;
}

}  // namespace r3mes::node

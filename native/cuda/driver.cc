#include "driver.h"

#include <mutex>

#include "../cpu/failure.h"

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <dlfcn.h>
#endif

namespace r3mes::cuda {

namespace {

using cpu::Failure;

#if defined(_WIN32)
constexpr const char* kLibrary = "nvcuda.dll";
void* open_library(std::string&) { return reinterpret_cast<void*>(LoadLibraryA(kLibrary)); }
void* find(void* library, const char* name) { return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(library), name)); }
#else
constexpr const char* kLibrary = "libcuda.so.1";
void* open_library(std::string& reason) {
  void* library = dlopen(kLibrary, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    const char* why = dlerror();
    reason = why == nullptr ? "" : why;
  }
  return library;
}
void* find(void* library, const char* name) { return dlsym(library, name); }
#endif

template <class Function>
void resolve(void* library, Function*& function, const char* name) {
  function = reinterpret_cast<Function*>(find(library, name));
  if (function == nullptr) throw Failure(R3MES_DEVICE_FAILED, std::string(kLibrary) + " lacks " + name + ": the NVIDIA driver is too old");
}

Driver load() {
  std::string reason;
  void* library = open_library(reason);
  if (library == nullptr) {
    throw Failure(R3MES_DEVICE_FAILED, std::string("there is no NVIDIA driver: ") + kLibrary + " does not load" +
                                           (reason.empty() ? "" : " (" + reason + ")"));
  }
  Driver d{};
  resolve(library, d.init, "cuInit");
  resolve(library, d.driver_version, "cuDriverGetVersion");
  resolve(library, d.device_count, "cuDeviceGetCount");
  resolve(library, d.device_get, "cuDeviceGet");
  resolve(library, d.device_name, "cuDeviceGetName");
  resolve(library, d.device_attribute, "cuDeviceGetAttribute");
  resolve(library, d.context_retain, "cuDevicePrimaryCtxRetain");
  resolve(library, d.context_release, "cuDevicePrimaryCtxRelease_v2");
  resolve(library, d.context_push, "cuCtxPushCurrent_v2");
  resolve(library, d.context_pop, "cuCtxPopCurrent_v2");
  resolve(library, d.module_load, "cuModuleLoadData");
  resolve(library, d.module_unload, "cuModuleUnload");
  resolve(library, d.module_function, "cuModuleGetFunction");
  resolve(library, d.memory_allocate, "cuMemAlloc_v2");
  resolve(library, d.memory_free, "cuMemFree_v2");
  resolve(library, d.memory_info, "cuMemGetInfo_v2");
  resolve(library, d.copy_to_device, "cuMemcpyHtoD_v2");
  resolve(library, d.copy_to_host, "cuMemcpyDtoH_v2");
  resolve(library, d.memory_set, "cuMemsetD8_v2");
  resolve(library, d.launch, "cuLaunchKernel");
  resolve(library, d.synchronize, "cuCtxSynchronize");
  resolve(library, d.error_name, "cuGetErrorName");
  resolve(library, d.error_text, "cuGetErrorString");
  require(d, d.init(0), "starting the NVIDIA driver");
  return d;
}

}  // namespace

const Driver& driver() {
  static std::mutex mutex;
  static bool loaded = false;
  static Driver kept{};
  const std::lock_guard<std::mutex> lock(mutex);
  if (!loaded) kept = load();  // a failure is tried again by the next call
  loaded = true;
  return kept;
}

void require(const Driver& driver, int result, const char* what) {
  if (result == kSuccess) return;
  const char* name = nullptr;
  const char* text = nullptr;
  driver.error_name(result, &name);
  driver.error_text(result, &text);
  throw Failure(result == kOutOfMemory ? R3MES_OUT_OF_MEMORY : R3MES_DEVICE_FAILED,
                std::string(what) + " failed: " + (name == nullptr ? "error " + std::to_string(result) : std::string(name)) +
                    (text == nullptr ? "" : " (" + std::string(text) + ")"));
}

}  // namespace r3mes::cuda

// The CUDA driver, loaded at run time: what is taken from it, with its types. No header and no library of CUDA is needed to build.
#pragma once

#include <cstddef>
#include <string>

namespace r3mes::cuda {

using DevicePointer = unsigned long long;
struct ContextHandle;
struct ModuleHandle;
struct FunctionHandle;

/** Attributes of a device, by the numbers that the driver gives them. */
enum DeviceAttribute : int { kCapabilityMajor = 75, kCapabilityMinor = 76 };

constexpr int kSuccess = 0;
constexpr int kOutOfMemory = 2;

struct Driver {
  int (*init)(unsigned flags);
  int (*driver_version)(int* version);
  int (*device_count)(int* count);
  int (*device_get)(int* device, int ordinal);
  int (*device_name)(char* name, int length, int device);
  int (*device_attribute)(int* value, int attribute, int device);
  int (*context_retain)(ContextHandle** context, int device);
  int (*context_release)(int device);
  int (*context_push)(ContextHandle* context);
  int (*context_pop)(ContextHandle** context);
  int (*module_load)(ModuleHandle** module, const void* image);
  int (*module_unload)(ModuleHandle* module);
  int (*module_function)(FunctionHandle** function, ModuleHandle* module, const char* name);
  int (*memory_allocate)(DevicePointer* memory, std::size_t bytes);
  int (*memory_free)(DevicePointer memory);
  int (*memory_info)(std::size_t* free_bytes, std::size_t* total);
  int (*copy_to_device)(DevicePointer to, const void* from, std::size_t bytes);
  int (*copy_to_host)(void* to, DevicePointer from, std::size_t bytes);
  int (*memory_set)(DevicePointer to, unsigned char byte, std::size_t bytes);
  int (*launch)(FunctionHandle* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x, unsigned block_y,
                unsigned block_z, unsigned shared_bytes, void* stream, void** arguments, void** extra);
  int (*synchronize)();
  int (*error_name)(int error, const char** name);
  int (*error_text)(int error, const char** text);
};

/** The driver, loaded and started once a process. Throws Failure DEVICE_FAILED that says what is missing. */
const Driver& driver();

/** Throws Failure DEVICE_FAILED where `result` is an error, OUT_OF_MEMORY where it says so. */
void require(const Driver& driver, int result, const char* what);

}  // namespace r3mes::cuda

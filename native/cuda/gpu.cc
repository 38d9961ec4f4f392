#include "gpu.h"

#include <cstdio>
#include <cstring>
#include <unordered_map>

#include "../cpu/failure.h"
#include "driver.h"

namespace r3mes::cuda {

namespace {

using cpu::Failure;

/** Makes a device's context the calling thread's, and puts back what was there. */
class Current {
 public:
  Current(const Driver& driver, ContextHandle* context) : driver_(driver) { require(driver_, driver_.context_push(context), "using the GPU"); }
  ~Current() {
    ContextHandle* popped = nullptr;
    driver_.context_pop(&popped);
  }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;

 private:
  const Driver& driver_;
};

const char* architecture_of(int major, int minor) {
  switch (major) {
    case 6: return "Pascal";
    case 7: return minor >= 5 ? "Turing" : "Volta";
    case 8: return minor == 9 ? "Ada Lovelace" : "Ampere";
    case 9: return "Hopper";
    case 10:
    case 11:
    case 12: return "Blackwell";
    default: return nullptr;
  }
}

class Gpu : public Device {
 public:
  explicit Gpu(int index) : driver_(driver()) {
    require(driver_, driver_.device_get(&device_, index), "finding the GPU");
    require(driver_, driver_.context_retain(&context_, device_), "opening the GPU");
    try {
      const Current current(driver_, context_);
      require(driver_, driver_.module_load(&module_, kernel_image()),
              "loading the kernels (they need a driver of at least the CUDA version that they were compiled with)");
    } catch (...) {
      driver_.context_release(device_);
      throw;
    }
  }

  ~Gpu() override {
    if (driver_.context_push(context_) == kSuccess) {
      driver_.module_unload(module_);
      ContextHandle* popped = nullptr;
      driver_.context_pop(&popped);
    }
    driver_.context_release(device_);
  }

  void* allocate(std::size_t bytes) override {
    const Current current(driver_, context_);
    DevicePointer memory = 0;
    if (driver_.memory_allocate(&memory, bytes + 1) == kOutOfMemory) {
      std::size_t free_bytes = 0, total = 0;
      driver_.memory_info(&free_bytes, &total);
      throw Failure(R3MES_OUT_OF_MEMORY, "the GPU has " + std::to_string(free_bytes >> 20) + " MiB free of " + std::to_string(total >> 20) +
                                             ", expected at least " + std::to_string(bytes >> 20));
    }
    if (memory == 0) throw Failure(R3MES_DEVICE_FAILED, "the GPU gave no memory");
    return reinterpret_cast<void*>(static_cast<std::uintptr_t>(memory));
  }

  void release(void* memory) override {
    if (driver_.context_push(context_) != kSuccess) return;
    driver_.memory_free(address(memory));
    ContextHandle* popped = nullptr;
    driver_.context_pop(&popped);
  }

  std::size_t free_bytes() override {
    const Current current(driver_, context_);
    std::size_t free_bytes = 0, total = 0;
    require(driver_, driver_.memory_info(&free_bytes, &total), "asking for the GPU's memory");
    return free_bytes;
  }

  void upload(void* to, const void* from, std::size_t bytes) override {
    if (bytes == 0) return;
    const Current current(driver_, context_);
    require(driver_, driver_.copy_to_device(address(to), from, bytes), "copying to the GPU");
  }

  void download(void* to, const void* from, std::size_t bytes) override {
    const Current current(driver_, context_);
    require(driver_, driver_.synchronize(), "computing on the GPU");
    if (bytes != 0) require(driver_, driver_.copy_to_host(to, address(from), bytes), "copying from the GPU");
  }

  void fill(void* to, int byte, std::size_t bytes) override {
    if (bytes == 0) return;
    const Current current(driver_, context_);
    require(driver_, driver_.memory_set(address(to), static_cast<unsigned char>(byte), bytes), "filling memory of the GPU");
  }

  void launch(const Kernel& kernel, const Grid& grid, const void* args) override {
    const Current current(driver_, context_);
    constexpr std::int64_t kMostX = 0x7fffffff, kMostYZ = 65535;
    if (grid.x > kMostX || grid.y > kMostYZ || grid.z > kMostYZ) {
      throw Failure(R3MES_BAD_SHAPE, std::string(kernel.name) + " would need more blocks than a GPU starts at once: use a smaller micro-batch");
    }
    FunctionHandle*& function = functions_[kernel.name];
    if (function == nullptr) require(driver_, driver_.module_function(&function, module_, kernel.name), kernel.name);
    void* arguments[] = {const_cast<void*>(args)};
    require(driver_,
            driver_.launch(function, static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y), static_cast<unsigned>(grid.z),
                           static_cast<unsigned>(kernel.threads), 1, 1, 0, nullptr, arguments, nullptr),
            kernel.name);
  }

 private:
  static DevicePointer address(const void* memory) { return static_cast<DevicePointer>(reinterpret_cast<std::uintptr_t>(memory)); }

  const Driver& driver_;
  int device_ = 0;
  ContextHandle* context_ = nullptr;
  ModuleHandle* module_ = nullptr;
  std::unordered_map<std::string, FunctionHandle*> functions_;
};

void require_image() {
  if (kernel_image() == nullptr) {
    throw Failure(R3MES_DEVICE_FAILED, "this build of the engine holds no CUDA kernels: build it where nvcc is on PATH");
  }
}

}  // namespace

int gpu_count() {
  require_image();
  const Driver& d = driver();
  int count = 0;
  require(d, d.device_count(&count), "counting GPUs");
  return count;
}

r3mes_cuda_device describe_gpu(int index) {
  const int count = gpu_count();
  if (index < 0 || index >= count) {
    throw Failure(R3MES_BAD_VALUE, "GPU " + std::to_string(index) + " is not there: this machine has " + std::to_string(count));
  }
  const Driver& d = driver();
  r3mes_cuda_device info{};
  int device = 0, version = 0;
  require(d, d.device_get(&device, index), "finding the GPU");
  require(d, d.device_name(info.name, sizeof info.name - 1, device), "asking for the GPU's name");
  require(d, d.device_attribute(&info.major, kCapabilityMajor, device), "asking what the GPU can");
  require(d, d.device_attribute(&info.minor, kCapabilityMinor, device), "asking what the GPU can");
  require(d, d.driver_version(&version), "asking for the driver's version");
  const char* known = architecture_of(info.major, info.minor);
  if (known != nullptr) {
    std::snprintf(info.architecture, sizeof info.architecture, "%s", known);
  } else {
    std::snprintf(info.architecture, sizeof info.architecture, "sm_%d%d", info.major, info.minor);
  }
  std::snprintf(info.driver, sizeof info.driver, "%d.%d", version / 1000, version % 1000 / 10);
  ContextHandle* context = nullptr;
  require(d, d.context_retain(&context, device), "opening the GPU");
  std::size_t free_bytes = 0, total = 0;
  int result = d.context_push(context);
  if (result == kSuccess) {
    result = d.memory_info(&free_bytes, &total);
    d.context_pop(&context);
  }
  d.context_release(device);
  require(d, result, "asking for the GPU's memory");
  info.free_bytes = free_bytes;
  info.total_bytes = total;
  return info;
}

std::unique_ptr<Device> open_gpu(int index) {
  describe_gpu(index);
  return std::make_unique<Gpu>(index);
}

}  // namespace r3mes::cuda

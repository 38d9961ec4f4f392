// What runs kernels: a GPU (gpu.h), or the twin on the host (twin.h). The step (step.h) knows only this.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace r3mes::cuda {

struct Grid {
  std::int64_t x = 1, y = 1, z = 1;
};

/** A kernel as the host knows it. `twin` runs it on the host, with or without the twin of tensor cores. */
struct Kernel {
  const char* name;
  int threads;
  void (*twin)(bool tensor, const Grid& grid, const void* args);
};

/** The kernel of a type of kernels/all.h. */
template <class K>
const Kernel& kernel();

/** One device of one process. Not for two threads at a time. Work is done in the order in which it was asked for. */
class Device {
 public:
  virtual ~Device() = default;

  /** Throws Failure OUT_OF_MEMORY. Aligned to 256 bytes, not initialised. */
  virtual void* allocate(std::size_t bytes) = 0;
  virtual void release(void* memory) = 0;
  /** Bytes that `allocate` can still give, about. */
  virtual std::size_t free_bytes() = 0;

  /** `from` may change when it returns. */
  virtual void upload(void* to, const void* from, std::size_t bytes) = 0;
  /** Waits for all work before it. */
  virtual void download(void* to, const void* from, std::size_t bytes) = 0;
  virtual void fill(void* to, int byte, std::size_t bytes) = 0;
  virtual void launch(const Kernel& kernel, const Grid& grid, const void* args) = 0;
};

template <class K>
void launch(Device& device, const Grid& grid, const typename K::Args& args) {
  if (grid.x > 0 && grid.y > 0 && grid.z > 0) device.launch(kernel<K>(), grid, &args);
}

/** Memory of a device that is given back with its owner. */
class Memory {
 public:
  Memory() = default;
  Memory(Device& device, std::size_t bytes) : device_(&device), at_(device.allocate(bytes)), bytes_(bytes) {}
  Memory(Memory&& other) noexcept { *this = std::move(other); }
  Memory& operator=(Memory&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(at_, other.at_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Memory() {
    if (at_ != nullptr) device_->release(at_);
  }

  void* at() const { return at_; }
  std::size_t bytes() const { return bytes_; }

 private:
  Device* device_ = nullptr;
  void* at_ = nullptr;
  std::size_t bytes_ = 0;
};

/**
 * Hands out pieces of one allocation. Without memory it only counts, so that the same code says how much it needs and then
 * takes it.
 */
class Carver {
 public:
  explicit Carver(void* memory = nullptr) : memory_(static_cast<unsigned char*>(memory)) {}

  template <class T>
  T* take(std::size_t n) {
    T* piece = reinterpret_cast<T*>(memory_ + used_);
    used_ += (n * sizeof(T) + kAlign - 1) / kAlign * kAlign;
    if (used_ > most_) most_ = used_;
    return memory_ == nullptr ? nullptr : piece;
  }

  /** What was taken after a mark may be taken again after `back`. */
  std::size_t mark() const { return used_; }
  void back(std::size_t mark) { used_ = mark; }

  std::size_t most() const { return most_; }

 private:
  static constexpr std::size_t kAlign = 256;
  unsigned char* memory_;
  std::size_t used_ = 0, most_ = 0;
};

}  // namespace r3mes::cuda

#include "twin.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <unordered_map>

#include "../cpu/failure.h"
#include "kernels/all.h"

namespace r3mes::cuda {

namespace {

template <class K, bool Tensor>
void run_blocks(const Grid& grid, const typename K::Args& args) {
  typename K::Shared shared;
  for (int z = 0; z < grid.z; ++z) {
    for (int y = 0; y < grid.y; ++y) {
      for (int x = 0; x < grid.x; ++x) {
        Block<K::kThreads, Tensor> block(x, y, z);
        K::run(block, shared, args);
      }
    }
  }
}

template <class K>
void run_kernel(bool tensor, const Grid& grid, const void* args) {
  const auto& typed = *static_cast<const typename K::Args*>(args);
  tensor ? run_blocks<K, true>(grid, typed) : run_blocks<K, false>(grid, typed);
}

class Twin : public Device {
 public:
  Twin(bool tensor, std::size_t bytes) : tensor_(tensor), free_(bytes) {}

  void* allocate(std::size_t bytes) override {
    if (bytes > free_) {
      throw cpu::Failure(R3MES_OUT_OF_MEMORY, "the twin has " + std::to_string(free_) + " bytes free, expected " + std::to_string(bytes));
    }
    void* memory = std::aligned_alloc(kAlign, (bytes / kAlign + 1) * kAlign);
    if (memory == nullptr) throw std::bad_alloc();
    // No kernel may count on what it did not write.
    std::memset(memory, 0x7f, bytes);
    sizes_[memory] = bytes;
    free_ -= bytes;
    return memory;
  }
  void release(void* memory) override {
    free_ += sizes_.at(memory);
    sizes_.erase(memory);
    std::free(memory);
  }
  std::size_t free_bytes() override { return free_; }
  void upload(void* to, const void* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
  void download(void* to, const void* from, std::size_t bytes) override { std::memcpy(to, from, bytes); }
  void fill(void* to, int byte, std::size_t bytes) override { std::memset(to, byte, bytes); }
  void launch(const Kernel& kernel, const Grid& grid, const void* args) override { kernel.twin(tensor_, grid, args); }

 private:
  static constexpr std::size_t kAlign = 256;
  bool tensor_;
  std::size_t free_;
  std::unordered_map<void*, std::size_t> sizes_;
};

}  // namespace

#define R3MES_TWIN(...)                                                                    \
  template <>                                                                              \
  const Kernel& kernel<__VA_ARGS__>() {                                                    \
    static const Kernel made{__VA_ARGS__::kName, __VA_ARGS__::kThreads, run_kernel<__VA_ARGS__>}; \
    return made;                                                                           \
  }
R3MES_KERNELS(R3MES_TWIN)
#undef R3MES_TWIN

std::unique_ptr<Device> make_twin(bool tensor, std::size_t bytes) { return std::make_unique<Twin>(tensor, bytes); }

}  // namespace r3mes::cuda

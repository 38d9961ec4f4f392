// Large arrays. Linux gives them in pages of 2 MiB where it can, so that first touching them and walking through them costs less.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace r3mes::cpu {

constexpr std::size_t kLargePage = std::size_t{1} << 21;

/** At least `bytes`, aligned to 64, not initialised. Throws bad_alloc. */
inline void* take_memory(std::size_t bytes) {
#if defined(__linux__)
  if (bytes >= 2 * kLargePage) {
    void* p = std::aligned_alloc(kLargePage, (bytes + kLargePage - 1) / kLargePage * kLargePage);
    if (p == nullptr) throw std::bad_alloc();
    madvise(p, bytes / kLargePage * kLargePage, MADV_HUGEPAGE);  // a wish: refused, nothing is lost
    return p;
  }
#endif
#if defined(_MSC_VER)
  void* p = _aligned_malloc(bytes == 0 ? 64 : bytes, 64);
#else
  void* p = std::aligned_alloc(64, (bytes + 63) / 64 * 64 + (bytes == 0 ? 64 : 0));
#endif
  if (p == nullptr) throw std::bad_alloc();
  return p;
}

inline void give_memory(void* p) {
#if defined(_MSC_VER)
  _aligned_free(p);
#else
  std::free(p);
#endif
}

/** For containers of the standard library. */
template <class T>
struct LargeAllocator {
  using value_type = T;
  LargeAllocator() = default;
  template <class U>
  LargeAllocator(const LargeAllocator<U>&) {}
  T* allocate(std::size_t n) { return static_cast<T*>(take_memory(n * sizeof(T))); }
  void deallocate(T* p, std::size_t) { give_memory(p); }
  template <class U>
  bool operator==(const LargeAllocator<U>&) const { return true; }
  template <class U>
  bool operator!=(const LargeAllocator<U>&) const { return false; }
};

/** An array that is not initialised. */
template <class T>
class Buffer {
 public:
  Buffer() = default;
  ~Buffer() { give_memory(data_); }
  Buffer(Buffer&& other) noexcept : data_(other.data_) { other.data_ = nullptr; }
  Buffer& operator=(Buffer&& other) noexcept {
    T* mine = data_;
    data_ = other.data_;
    other.data_ = mine;
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void allocate(std::size_t n) {
    give_memory(data_);
    data_ = nullptr;
    data_ = static_cast<T*>(take_memory(n * sizeof(T)));
  }
  T* at(std::size_t i) const { return data_ + i; }

 private:
  T* data_ = nullptr;
};

}  // namespace r3mes::cpu

// Scratch memory of one thread: taken piece by piece, given back all at once, kept for the next task.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "memory.h"

namespace r3mes::cpu {

class Arena {
 public:
  /** Room for n values, aligned to 64 bytes, not initialised; valid until `reset` or the end of the `Mark` around it. */
  template <class T>
  T* get(std::size_t n) {
    return reinterpret_cast<T*>(take(n * sizeof(T)));
  }

  /** Gives everything back. Blocks that had to be added are merged into one, so that the next task needs no allocation. */
  void reset() {
    if (blocks_.size() > 1) {
      std::size_t total = 0;
      for (const Block& block : blocks_) total += block.size;
      blocks_.clear();
      add(total);
    }
    current_ = 0;
    used_ = 0;
  }

  /** Gives back, at its end, what was taken after it. */
  class Mark {
   public:
    explicit Mark(Arena& arena) : arena_(arena), current_(arena.current_), used_(arena.used_) {}
    ~Mark() {
      arena_.current_ = current_;
      arena_.used_ = used_;
    }
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;

   private:
    Arena& arena_;
    std::size_t current_;
    std::size_t used_;
  };

 private:
  struct Block {
    Buffer<unsigned char> memory;
    std::size_t size;
  };

  static constexpr std::size_t kAlign = 64;

  unsigned char* take(std::size_t bytes) {
    bytes = (bytes + kAlign - 1) / kAlign * kAlign;
    while (current_ < blocks_.size() && used_ + bytes > blocks_[current_].size) {
      ++current_;
      used_ = 0;
    }
    if (current_ == blocks_.size()) {
      add(bytes < kMinimum ? kMinimum : bytes);
      used_ = 0;
    }
    unsigned char* p = blocks_[current_].memory.at(used_);
    used_ += bytes;
    return p;
  }

  void add(std::size_t size) {
    Block block{{}, size};
    block.memory.allocate(size);
    blocks_.push_back(std::move(block));
  }

  static constexpr std::size_t kMinimum = std::size_t{1} << 18;
  std::vector<Block> blocks_;
  std::size_t current_ = 0;
  std::size_t used_ = 0;
};

}  // namespace r3mes::cpu

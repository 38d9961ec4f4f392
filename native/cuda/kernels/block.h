// A block of threads, on the GPU and as its twin on the host. A kernel is written as steps between barriers:
//
//   block.each([&](int thread) { … });   every thread runs the step, then all wait for each other
//
// On the GPU that is the thread's own call and __syncthreads(); on the host a loop over the threads. What a thread keeps from
// one step to the next stands in a Local. So the twin runs the same code thread by thread, and a test without a GPU sees what
// a GPU would compute; only the few collective operations at the end of each half are written twice.
#pragma once

#include <cstdint>

#include "number.h"

#if !defined(__CUDACC__)
#include <algorithm>
#include <vector>
#endif

namespace r3mes::cuda {

constexpr int kWarp = 32;

/** What one thread gives to a matrix multiplication of its warp: 16 × 8 sums, 32 terms, as PTX lays out m16n8k32. */
struct MmaOperands {
  std::int32_t* sums;        // [4]
  const std::uint32_t* a;    // [4], four int8 each
  const std::uint32_t* b;    // [2]
};

R3MES_HD std::int32_t byte_of(std::uint32_t word, int i) { return static_cast<std::int8_t>(word >> (8 * i)); }

/** Σ of four int8 products added to `sum`, modulo 2^32. */
R3MES_HD std::int32_t dot4(std::uint32_t a, std::uint32_t b, std::int32_t sum) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 610
  return __dp4a(static_cast<std::int32_t>(a), static_cast<std::int32_t>(b), sum);
#else
  for (int i = 0; i < 4; ++i) sum += byte_of(a, i) * byte_of(b, i);
  return sum;
#endif
}

#if defined(__CUDACC__)

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ < 750
constexpr bool kHasTensorCores = false;
#else
constexpr bool kHasTensorCores = true;
#endif

template <int Threads>
class Block {
 public:
  static constexpr int kThreads = Threads;
  /** Whether `mma` is there. */
  static constexpr bool kTensor = kHasTensorCores;

  template <class T>
  class Local {
   public:
    R3MES_HD T& operator[](int) { return value_; }

   private:
    T value_;
  };

  R3MES_HD int x() const { return static_cast<int>(blockIdx.x); }
  R3MES_HD int y() const { return static_cast<int>(blockIdx.y); }
  R3MES_HD int z() const { return static_cast<int>(blockIdx.z); }

  template <class Step>
  R3MES_HD void each(Step step) const {
    step(static_cast<int>(threadIdx.x));
    __syncthreads();
  }

  /** A step that touches nothing but Locals of its own thread and memory that nobody writes meanwhile: no barrier. */
  template <class Step>
  R3MES_HD void alone(Step step) const {
    step(static_cast<int>(threadIdx.x));
  }

  /** Every thread's value becomes the largest of its group of `Group` neighbours. scratch: [Threads / 32]. */
  template <int Group>
  R3MES_HD void group_max(Local<std::uint32_t>& values, std::uint32_t* scratch) const {
    group<Group>(values, scratch, [](std::uint32_t a, std::uint32_t b) { return a > b ? a : b; });
  }

  /** … the sum, modulo 2^64. */
  template <int Group>
  R3MES_HD void group_sum(Local<std::int64_t>& values, std::int64_t* scratch) const {
    group<Group>(values, scratch, [](std::int64_t a, std::int64_t b) { return a + b; });
  }

  /** sums += a · b for every warp of the block. */
  template <class Operands>
  R3MES_HD void mma(Operands operands) const {
    const MmaOperands o = operands(static_cast<int>(threadIdx.x));
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                 : "+r"(o.sums[0]), "+r"(o.sums[1]), "+r"(o.sums[2]), "+r"(o.sums[3])
                 : "r"(o.a[0]), "r"(o.a[1]), "r"(o.a[2]), "r"(o.a[3]), "r"(o.b[0]), "r"(o.b[1]));
#elif defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 750
    // The same in quarters: rows 0–7 and 8–15, terms 0–15 and 16–31.
    eighth(o.sums, o.a[0], o.b[0]);
    eighth(o.sums, o.a[2], o.b[1]);
    eighth(o.sums + 2, o.a[1], o.b[0]);
    eighth(o.sums + 2, o.a[3], o.b[1]);
#else
    (void)o;
#endif
  }

 private:
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 750
  static R3MES_HD void eighth(std::int32_t* sums, std::uint32_t a, std::uint32_t b) {
    asm volatile("mma.sync.aligned.m8n8k16.row.col.s32.s8.s8.s32 {%0,%1}, {%2}, {%3}, {%0,%1};"
                 : "+r"(sums[0]), "+r"(sums[1])
                 : "r"(a), "r"(b));
  }
#endif

  template <int Group, class T, class Join>
  R3MES_HD void group(Local<T>& values, T* scratch, Join join) const {
    static_assert(Group == kWarp || Group == Threads, "a group is a warp or the block");
    const int thread = static_cast<int>(threadIdx.x);
    T value = values[thread];
    R3MES_UNROLL
    for (int apart = kWarp / 2; apart > 0; apart /= 2) value = join(value, __shfl_xor_sync(0xffffffffu, value, apart));
    if (Group > kWarp) {
      if (thread % kWarp == 0) scratch[thread / kWarp] = value;
      __syncthreads();
      value = scratch[0];
      for (int warp = 1; warp < Threads / kWarp; ++warp) value = join(value, scratch[warp]);
      __syncthreads();
    }
    values[thread] = value;
  }
};

#else

/** The twin. `Tensor`: whether it has the matrix multiplication of tensor cores. */
template <int Threads, bool Tensor>
class Block {
 public:
  static constexpr int kThreads = Threads;
  static constexpr bool kTensor = Tensor;

  template <class T>
  class Local {
   public:
    Local() : values_(Threads) {}
    T& operator[](int thread) { return values_[static_cast<std::size_t>(thread)]; }

   private:
    std::vector<T> values_;
  };

  Block(int x, int y, int z) : x_(x), y_(y), z_(z) {}
  int x() const { return x_; }
  int y() const { return y_; }
  int z() const { return z_; }

  template <class Step>
  void each(Step step) const {
    for (int thread = 0; thread < Threads; ++thread) step(thread);
  }

  template <class Step>
  void alone(Step step) const {
    each(step);
  }

  template <int Group>
  void group_max(Local<std::uint32_t>& values, std::uint32_t*) const {
    group<Group>(values, [](std::uint32_t a, std::uint32_t b) { return std::max(a, b); });
  }

  template <int Group>
  void group_sum(Local<std::int64_t>& values, std::int64_t*) const {
    group<Group>(values, [](std::int64_t a, std::int64_t b) { return a + b; });
  }

  /** As the PTX manual defines m16n8k32 for s8: which element of A, B and of the sums each lane holds. */
  template <class Operands>
  void mma(Operands operands) const {
    for (int warp = 0; warp < Threads / kWarp; ++warp) {
      std::int8_t a[16][32], b[32][8];
      MmaOperands lanes[kWarp];
      for (int lane = 0; lane < kWarp; ++lane) {
        lanes[lane] = operands(warp * kWarp + lane);
        const int group = lane / 4, within = lane % 4;
        for (int i = 0; i < 16; ++i) {
          const int row = group + ((i / 4) % 2) * 8, term = within * 4 + i % 4 + (i / 8) * 16;
          a[row][term] = static_cast<std::int8_t>(byte_of(lanes[lane].a[i / 4], i % 4));
        }
        for (int i = 0; i < 8; ++i) b[within * 4 + i % 4 + (i / 4) * 16][group] = static_cast<std::int8_t>(byte_of(lanes[lane].b[i / 4], i % 4));
      }
      std::int32_t sums[16][8] = {};
      for (int row = 0; row < 16; ++row) {
        for (int term = 0; term < 32; ++term) {
          for (int column = 0; column < 8; ++column) sums[row][column] += static_cast<std::int32_t>(a[row][term]) * b[term][column];
        }
      }
      for (int lane = 0; lane < kWarp; ++lane) {
        for (int i = 0; i < 4; ++i) lanes[lane].sums[i] += sums[lane / 4 + (i / 2) * 8][lane % 4 * 2 + i % 2];
      }
    }
  }

 private:
  template <int Group, class T, class Join>
  void group(Local<T>& values, Join join) const {
    static_assert(Group == kWarp || Group == Threads, "a group is a warp or the block");
    for (int first = 0; first < Threads; first += Group) {
      T value = values[first];
      for (int i = 1; i < Group; ++i) value = join(value, values[first + i]);
      for (int i = 0; i < Group; ++i) values[first + i] = value;
    }
  }

  int x_, y_, z_;
};

#endif

}  // namespace r3mes::cuda

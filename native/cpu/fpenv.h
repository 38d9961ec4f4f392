// The floating-point environment of all computation: round to nearest, subnormals kept, nothing trapped.
// A process loads arbitrary libraries, and one that was built with fast-math sets flush-to-zero for the thread that loads it.
#pragma once

#if defined(__SSE2__) || defined(_M_X64)
#include <xmmintrin.h>
#else
#include <cfenv>
#endif

namespace r3mes::cpu {

class FloatEnvironment {
 public:
#if defined(__SSE2__) || defined(_M_X64)
  FloatEnvironment() : saved_(_mm_getcsr()) { _mm_setcsr(0x1f80); }
  ~FloatEnvironment() { _mm_setcsr(saved_); }

 private:
  unsigned saved_;
#else
  FloatEnvironment() {
    std::fegetenv(&saved_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~FloatEnvironment() { std::fesetenv(&saved_); }

 private:
  std::fenv_t saved_;
#endif

 public:
  FloatEnvironment(const FloatEnvironment&) = delete;
  FloatEnvironment& operator=(const FloatEnvironment&) = delete;
};

/**
 * Runs `body`, and keeps its operations between the lines before and after the call. To a compiler no float operation
 * depends on MXCSR: it moves them across a change of it (GCC 12 with -O3 did, past the end of r3mes_log). What runs in a
 * function of its own that is never inlined stays in there. Every entry of the engine computes through this.
 */
template <class Body>
#if defined(_MSC_VER)
__declspec(noinline)
#else
__attribute__((noinline))
#endif
void apart(Body& body) {
#if !defined(_MSC_VER)
  asm volatile("" ::: "memory");  // else the compiler may find the call free of effects, and move all of it
#endif
  body();
}

/** The value of `body` under the engine's environment. */
template <class Body>
auto in_environment(Body body) {
  decltype(body()) result{};
  const auto keep = [&] { result = body(); };
  const FloatEnvironment environment;
  apart(keep);
  return result;
}

}  // namespace r3mes::cpu

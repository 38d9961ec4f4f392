// The little that the core's tests need: a check that names itself, and a count at the end.
#pragma once

#include <cstdio>

namespace test {

inline int failures = 0;
inline int checks = 0;

inline void check(bool ok, const char* what, const char* file, int line) {
  ++checks;
  if (ok) return;
  ++failures;
  std::printf("FAILED %s:%d: %s\n", file, line, what);
}

inline int finish(const char* name) {
  std::printf("%s: %d checks, %d failed\n", name, checks, failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace test

#define CHECK(condition) test::check((condition), #condition, __FILE__, __LINE__)

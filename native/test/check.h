// The little that the core's tests need: checks that name themselves and what they saw, and a count at the end.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "r3mes/status.h"

namespace test {

inline int failures = 0;
inline int checks = 0;

inline void check(bool ok, const std::string& what, const char* file, int line) {
  ++checks;
  if (ok) return;
  ++failures;
  std::printf("FAILED %s:%d: %s\n", file, line, what.c_str());
}

inline int finish(const char* name) {
  std::printf("%s: %d checks, %d failed\n", name, checks, failures);
  return failures == 0 && checks > 0 ? 0 : 1;
}

/** Norm of the whole tensor's error over the norm of the tensor; a value that is not finite makes it infinite. */
template <class A, class B>
double error_norm(const std::vector<A>& got, const std::vector<B>& want) {
  if (got.size() != want.size() || got.empty()) return HUGE_VAL;
  double error = 0.0, norm = 0.0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double a = static_cast<double>(got[i]), b = static_cast<double>(want[i]);
    if (!std::isfinite(a) || !std::isfinite(b)) return HUGE_VAL;
    error += (a - b) * (a - b);
    norm += b * b;
  }
  return norm > 0.0 ? std::sqrt(error / norm) : error > 0.0 ? HUGE_VAL : 0.0;
}

template <class A, class B>
double cosine(const A* x, const B* y, std::size_t n) {
  double xy = 0.0, xx = 0.0, yy = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double a = static_cast<double>(x[i]), b = static_cast<double>(y[i]);
    xy += a * b;
    xx += a * a;
    yy += b * b;
  }
  return xx > 0.0 && yy > 0.0 ? xy / std::sqrt(xx * yy) : 0.0;
}

/** The same numbers: bit for bit, except that the sign of a zero inside a computation is of no importance. */
template <class T>
bool same(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin());
}

inline void check_error(double error, double bound, const char* what, const char* file, int line) {
  char text[64];
  std::snprintf(text, sizeof text, " is %.3g, expected at most %.3g", error, bound);
  check(error <= bound, what + std::string(text), file, line);
}

/** Whether the engine refused with this status and a message that holds every one of `words`. */
inline void check_refused(r3mes_status got, const r3mes_error& error, r3mes_status expected, const std::vector<std::string>& words,
                          const char* what, const char* file, int line) {
  const std::string message = got == error.status ? error.message : "a status that differs from the one in the error";
  bool ok = got == expected && error.status == expected;
  for (const std::string& word : words) ok = ok && message.find(word) != std::string::npos;
  std::string wanted;
  for (const std::string& word : words) wanted += " \"" + word + "\"";
  check(ok, std::string(what) + " gave " + std::to_string(got) + " \"" + message + "\", expected " + std::to_string(expected) + wanted, file,
        line);
}

}  // namespace test

#define CHECK(condition) test::check((condition), #condition, __FILE__, __LINE__)
/** Norm of the error of `got` against `want` at most `bound`. */
#define CHECK_NORM(got, want, bound) test::check_error(test::error_norm(got, want), bound, "error of " #got, __FILE__, __LINE__)
#define CHECK_AT_MOST(value, bound) test::check_error(value, bound, #value, __FILE__, __LINE__)
/** `call` takes &error as its last argument; the words follow. */
#define CHECK_REFUSED(call, expected, ...)                                                                  \
  do {                                                                                                      \
    r3mes_error error{};                                                                                    \
    const r3mes_status got = (call);                                                                        \
    test::check_refused(got, error, expected, std::vector<std::string>{__VA_ARGS__}, #call, __FILE__, __LINE__); \
  } while (false)
#define CHECK_OK(call) CHECK_REFUSED(call, R3MES_OK, "")

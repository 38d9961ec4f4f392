// How a kernel refuses: an exception inside the core, a status and a message at its face.
#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <utility>

#include "fpenv.h"
#include "r3mes/status.h"

namespace r3mes::cpu {

class Failure : public std::exception {
 public:
  Failure(r3mes_status status, std::string message) : status_(status), message_(std::move(message)) {}
  r3mes_status status() const { return status_; }
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  r3mes_status status_;
  std::string message_;
};

/** Names a row of a tensor, so that a value that is not finite can be found. */
struct Where {
  const char* tensor;
  /** −1 where the tensor belongs to no layer. */
  int layer = -1;
  /** Place of the first row: sequence of the request and token in it, or −1 and the row's own number. */
  std::int64_t sequence = -1;
  std::int64_t row = 0;
};

/** Throws NOT_FINITE for element `column` of row `row` (counted from the place itself). */
[[noreturn]] void not_finite(const Where& where, std::int64_t row, std::int64_t column, float value);

/** Runs `body` and turns whatever it throws into a status and a message. */
template <class Body>
r3mes_status guarded(r3mes_error* error, Body body);

/** Writes `status` and `message` to `error`, which may be null. */
r3mes_status report(r3mes_error* error, r3mes_status status, const char* message);

template <class Body>
r3mes_status guarded(r3mes_error* error, Body body) {
  try {
    apart(body);
    return report(error, R3MES_OK, "");
  } catch (const Failure& failure) {
    return report(error, failure.status(), failure.what());
  } catch (const std::bad_alloc&) {
    return report(error, R3MES_OUT_OF_MEMORY, "the engine could not get the memory it needs");
  } catch (const std::exception& other) {
    return report(error, R3MES_BAD_VALUE, other.what());
  }
}

}  // namespace r3mes::cpu

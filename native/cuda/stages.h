// What the host remembers of the checks that kernels make, to tell a refusal by tensor and place.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "device.h"
#include "kernels/data.h"
#include "r3mes/status.h"

namespace r3mes::cuda {

class Stages {
 public:
  /** `first`: eight bytes of the device. */
  void begin(Device& device, unsigned long long* first);

  /** The next check, of a tensor of `layer` (−1: of none). Rows are counted from `first_row` on, `tokens` a sequence and row
   *  (0: rows are rows, as in weights), each sequence and row in `parts` (heads). */
  Refusals check(const char* tensor, int layer, std::int64_t tokens, int parts = 1, r3mes_status status = R3MES_NOT_FINITE);

  /** Sequence number of the first row of every check that follows. */
  void sequences_from(std::int64_t sequence) { first_sequence_ = sequence; }

  /** Waits for the device; throws Failure for the first value that was refused since `begin`. */
  void require();

 private:
  struct Stage {
    const char* tensor;
    int layer;
    std::int64_t tokens;
    int parts;
    std::int64_t first_sequence;
    r3mes_status status;
  };

  Device* device_ = nullptr;
  unsigned long long* first_ = nullptr;
  std::vector<Stage> stages_;
  std::int64_t first_sequence_ = 0;
};

}  // namespace r3mes::cuda

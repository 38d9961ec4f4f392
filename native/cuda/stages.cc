#include "stages.h"

#include <algorithm>

#include "../cpu/failure.h"

namespace r3mes::cuda {

void Stages::begin(Device& device, unsigned long long* first) {
  device_ = &device;
  first_ = first;
  stages_.clear();
  device.fill(first, 0xff, sizeof *first);
}

Refusals Stages::check(const char* tensor, int layer, std::int64_t tokens, int parts, r3mes_status status) {
  // Very deep models run out of numbers: the last one then stands for all that follow, and the name is that of the first of them.
  constexpr std::size_t kMost = std::size_t{1} << kPlaceStageBits;
  if (stages_.size() < kMost) stages_.push_back({tensor, layer, tokens, parts, first_sequence_, status});
  return Refusals{first_, static_cast<std::int32_t>(stages_.size() - 1)};
}

void Stages::require() {
  unsigned long long place = 0;
  device_->download(&place, first_, sizeof place);
  if (place == kNothingRefused) return;
  const Stage& stage = stages_[std::min<std::size_t>(place >> (kPlaceRowBits + kPlaceColumnBits), stages_.size() - 1)];
  std::int64_t row = static_cast<std::int64_t>(place >> kPlaceColumnBits) & ((std::int64_t{1} << kPlaceRowBits) - 1);
  const std::int64_t column = static_cast<std::int64_t>(place) & ((std::int64_t{1} << kPlaceColumnBits) - 1);
  std::string name = stage.layer < 0 ? stage.tensor : "layers." + std::to_string(stage.layer) + "." + stage.tensor;
  std::string where;
  if (stage.tokens > 0) {
    where = "sequence " + std::to_string(stage.first_sequence + row / stage.tokens / stage.parts) + ", ";
    row %= stage.tokens;
  }
  where += "[" + std::to_string(row) + ", " + std::to_string(column) + "]";
  if (stage.status == R3MES_OVERFLOW) {
    throw cpu::Failure(R3MES_OVERFLOW, name + " at " + where + " is 2^22 nats or more, expected less");
  }
  throw cpu::Failure(stage.status, name + " is not finite at " + where + ", expected a finite value");
}

}  // namespace r3mes::cuda

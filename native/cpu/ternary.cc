#include "ternary.h"

namespace r3mes::cpu {

namespace {

/** The code of weight 0, four times. */
constexpr std::uint8_t kFourZeros = 0x55;

}  // namespace

TernaryMatrix::TernaryMatrix(int rows, int columns)
    : rows_(rows),
      columns_(columns),
      quads_(padded(columns) / 4),
      packed_(static_cast<std::size_t>((rows + kGroup - 1) / kGroup) * quads_ * kGroup, kFourZeros) {}

void TernaryMatrix::expand(int first, int count, std::int16_t* out) const {
  const std::uint8_t* packed = group(first / kGroup);
  const int K = 4 * quads_;
  for (int r = 0; r < count; ++r) {
    const int row = (first + r) % kGroup, shift = 2 * (row / 16);
    const std::uint8_t* lane = packed + 4 * (row % 16);
    std::int16_t* to = out + static_cast<std::size_t>(r) * K;
    for (int q = 0; q < quads_; ++q) {
      for (int s = 0; s < 4; ++s) to[4 * q + s] = static_cast<std::int16_t>(((lane[kGroup * q + s] >> shift) & 3) - 1);
    }
  }
}

TernaryMatrix TernaryMatrix::transposed() const {
  TernaryMatrix t(columns_, rows_);
  for (int row = 0; row < rows_; ++row) {
    for (int column = 0; column < columns_; ++column) t.set(column, row, get(row, column));
  }
  return t;
}

}  // namespace r3mes::cpu

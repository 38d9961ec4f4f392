#include "ternary.h"

#include <array>
#include <cstring>

namespace r3mes::cpu {

namespace {

/** The four weights of every byte. */
std::array<std::array<std::int16_t, 4>, 256> make_expansion() {
  std::array<std::array<std::int16_t, 4>, 256> table{};
  for (int byte = 0; byte < 256; ++byte) {
    for (int i = 0; i < 4; ++i) table[byte][i] = static_cast<std::int16_t>(((byte >> (2 * i)) & 3) - 1);
  }
  return table;
}

const std::array<std::array<std::int16_t, 4>, 256> kExpansion = make_expansion();

constexpr std::uint8_t kFourZeros = 0x55;

}  // namespace

TernaryMatrix::TernaryMatrix(int rows, int columns)
    : rows_(rows),
      columns_(columns),
      row_bytes_(static_cast<std::size_t>(padded(columns)) / 4),
      packed_(row_bytes_ * static_cast<std::size_t>(rows), kFourZeros) {}

void TernaryMatrix::expand(int first, int count, std::int16_t* out) const {
  const std::uint8_t* byte = packed_.data() + static_cast<std::size_t>(first) * row_bytes_;
  const std::size_t bytes = static_cast<std::size_t>(count) * row_bytes_;
  for (std::size_t i = 0; i < bytes; ++i) std::memcpy(out + 4 * i, kExpansion[byte[i]].data(), 8);
}

TernaryMatrix TernaryMatrix::transposed() const {
  TernaryMatrix t(columns_, rows_);
  for (int row = 0; row < rows_; ++row) {
    for (int column = 0; column < columns_; ++column) {
      const int code = (packed_[row * row_bytes_ + column / 4] >> (2 * (column % 4))) & 3;
      t.set(column, row, code - 1);
    }
  }
  return t;
}

}  // namespace r3mes::cpu

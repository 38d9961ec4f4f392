// Launches of single kernels: grids and arguments.
#pragma once

#include "device.h"
#include "kernels/all.h"

namespace r3mes::cuda {

inline std::int64_t blocks_for(std::int64_t n, std::int64_t each) { return (n + each - 1) / each; }

/** row16 of x [rows][ldx], the first n of each row. */
void row16_rows(Device& device, const RawMatrix& x, std::int64_t ldx, std::int64_t rows, int n, const Planes& out, const Refusals& refusals);
inline void row16_rows(Device& device, const float* x, std::int64_t rows, int n, const Planes& out, const Refusals& refusals) {
  row16_rows(device, RawMatrix{x, 0}, n, rows, n, out, refusals);
}

/** Mantissas [count][rows][…] to [count][columns][…]. */
void transpose(Device& device, const Planes& in, const Planes& out, int rows, int columns, std::int64_t count);

/** row16 of the columns of x [sequences · tokens][columns] over each canonical block: out rows [block][column]. */
void block_columns(Device& device, const float* x, int sequences, int tokens, int columns, const Planes& out, const Refusals& refusals);

inline int canonical_blocks(int tokens) { return (tokens + kCanonicalBlock - 1) / kCanonicalBlock; }

/** row16 of the columns of x [rows][columns]. */
void matrix_columns(Device& device, const float* x, int rows, int columns, const Planes& out, const Refusals& refusals);

/** A product of row16 with what is usual: one matrix, whole, y = rn(…). Fill in the rest before `run_product`. */
PlaneProductArgs product_of(const Planes& a, const Planes& b, std::int64_t rows, std::int64_t columns, int terms, float* y);
void run_product(Device& device, const PlaneProductArgs& args, std::int64_t matrices = 1);

}  // namespace r3mes::cuda

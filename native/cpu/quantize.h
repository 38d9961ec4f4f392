// act8 and row16: the two ways in which rows of floats become integers (docs/arithmetic.md §1.1, §1.2).
#pragma once

#include <cstddef>
#include <cstdint>

#include "arena.h"
#include "failure.h"
#include "product.h"

namespace r3mes::cpu {

/** Room for `rows` rows of `n` values. */
Rows16 take_rows16(Arena& arena, std::size_t rows, int n);

/** Bits of the largest magnitude of x[0..n); infinity's bits or more where a value is not finite. */
std::uint32_t absmax_bits(const float* x, int n);

/** Refuses rows that are not finite: max(x, 0) would turn −infinity and NaN into a zero that nothing later notices. Throws NOT_FINITE. */
void require_finite(const float* x, int rows, int n, const Where& where);

/** Largest of n floats that are finite. */
float largest(const float* x, int n);

/** Exponent of a row whose largest magnitude has these bits; −126 for a row of zeros. */
int row16_exponent(std::uint32_t absmax);

/** One row to mantissas, padded with zeros; returns the exponent. Throws NOT_FINITE. */
int row16(const float* x, int n, std::int16_t* q, const Where& where, std::int64_t row);

/** Throws NOT_FINITE where `absmax`, the bits of the row's largest magnitude, says that a value is not finite. */
void require_finite(const float* x, int n, std::uint32_t absmax, const Where& where, std::int64_t row);

/** out = x · fold, one by one; returns the bits of the largest magnitude. */
std::uint32_t fold_row(const float* x, const float* fold, int n, float* out);

/** x[0..n) of the largest magnitude `absmax` as row i of a left operand, zeros up to `end`. Throws NOT_FINITE. */
void quantize_row(const Left& left, int i, const float* x, int n, std::uint32_t absmax, int end, const Where& where, std::int64_t row);

/** Rows x[i·ldx .. +n) as left operand. */
Left left_rows(const float* x, std::size_t ldx, int rows, int n, Arena& arena, const Where& where);

/** Rows x[i·ldx .. +n). */
void row16_rows(const float* x, std::size_t ldx, int rows, int n, Rows16 out, const Where& where);

/**
 * Columns of x [rows, columns] as rows of mantissas along the rows of x: out.row(c)[t] stands for x[t][c] · fold[t].
 * `fold` may be null (no factor).
 */
void row16_columns(const float* x, std::size_t ldx, int rows, int columns, const float* fold, Rows16 out, Arena& arena,
                   const Where& where);

/** The same as the right operand of a product: mantissas in panels, the exponent of column c in e[c]. */
void row16_panels(const float* x, std::size_t ldx, int rows, int columns, const float* fold, Panels out, std::int32_t* e, Arena& arena,
                  const Where& where);

/** The same where the bits of each column's largest magnitude are known. A row of x has room for whole panels. */
void row16_panels(const float* x, std::size_t ldx, int rows, int columns, const float* fold, const std::int32_t* largest, Panels out,
                  std::int32_t* e, const Where& where);

/** One row to act8 as int16, padded with zeros; returns dequantScale = 1 ÷ s. `absmax` are the row's bits, finite. */
float act8(const float* x, int n, std::uint32_t absmax, std::int16_t* q);

}  // namespace r3mes::cpu

// BitLinear with LoRA: forward, gradient of the input, gradients of A and B (docs/arithmetic.md §2.3, §3.3).
#pragma once

#include <cstdint>
#include <vector>

#include "arena.h"
#include "failure.h"
#include "quantize.h"
#include "ternary.h"

namespace r3mes::cpu {

struct Linear {
  TernaryMatrix w;            // [out, in]
  TernaryMatrix w_transposed; // [in, out]
  float scale = 0.0f;

  int in() const { return w.columns(); }
  int out() const { return w.rows(); }
};

/** A [rank, in] and B [out, rank] as row16, by row and by column, ready for the products of both passes. */
struct LoraLinear {
  int rank = 0;
  float scaling = 0.0f;                 // alpha ÷ rank
  std::vector<std::int16_t> a_rows;     // slices of the rows of A: [rank][2 · padded(in)]
  std::vector<double> a_rows_pow;       // 2^e of each row
  std::vector<std::int16_t> a_columns;  // mantissas of the columns of A, the columns along a row: [rank][in]
  std::vector<double> a_columns_pow;    // [in]
  std::vector<std::int16_t> b_rows;     // mantissas of the rows of B, transposed: [rank][out]
  std::vector<double> b_rows_pow;       // [out]
  std::vector<std::int16_t> b_columns;  // slices of the columns of B: [rank][2 · padded(out)]
  std::vector<double> b_columns_pow;    // [rank]
};

/** Throws NOT_FINITE with `a_name` or `b_name`. */
LoraLinear prepare_lora(const float* a, const float* b, int rank, int in, int out, float scaling, const Where& a_name,
                        const Where& b_name);

/** Rows of a layer's input in the forms that its products take. */
struct LinearInput {
  int rows;
  std::int16_t* act8;   // [rows, padded(in)]
  float* dequant_scale; // [rows]
  Rows16 row16;         // of the unquantised rows; absent (q null) where no LoRA needs it
};

LinearInput quantize_input(const float* x, std::size_t ldx, int rows, int in, bool with_row16, Arena& arena, const Where& where);

/**
 * y = base + scaling · B u.
 * Out: y [rows, ldy]; u [rows, rank] where `lora` is not null.
 */
void linear_forward(const Linear& linear, const LoraLinear* lora, const LinearInput& input, float* y, std::size_t ldy, float* u,
                    Arena& arena, const Where& where);

/**
 * Gradient of the input: dx = base + dz, or dx + (base + dz) where `add`. du [rows, rank] where `lora` is not null.
 * dx may be null: then only du is computed.
 */
void linear_backward(const Linear& linear, const LoraLinear* lora, const float* dy, std::size_t lddy, int rows, float* dx,
                     std::size_t lddx, bool add, float* du, Arena& arena, const Where& where);

/** Adds one canonical block of tokens to dB [out, rank], for the outputs [first, first + count). */
void lora_gradient_b(const float* dy, std::size_t lddy, const float* u, int tokens, int rank, float scaling, int first, int count,
                     float* db, Arena& arena, const Where& where);

/** Columns [first, first + count) of a layer's input for one canonical block of tokens. */
Rows16 input_columns(const float* x, std::size_t ldx, int tokens, int first, int count, Arena& arena, const Where& where);

/** Adds one canonical block of tokens to dA [rank, in], for the inputs whose columns are given. */
void lora_gradient_a(const Rows16& columns, const float* du, int tokens, int rank, int in, int first, int count, float* da,
                     Arena& arena, const Where& where);

}  // namespace r3mes::cpu

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

/** Mantissas in panels that outlive a call, and the exponents of the columns. */
struct PackedOperand {
  std::vector<std::int16_t> q;
  std::vector<std::int32_t> e;
  std::vector<float> pow;
  int terms = 0, least = 0, most = 0;

  Panels panels() const { return Panels{const_cast<std::int16_t*>(q.data()), terms}; }
  Scales scales() const { return Scales{e.data(), pow.data(), least, most}; }
};

/** A [rank, in] and B [out, rank] as row16, ready for the products of both passes. */
struct LoraLinear {
  int rank = 0;
  float scaling = 0.0f;      // alpha ÷ rank
  PackedOperand a_rows;      // row16 of the rows of A: terms in, columns rank
  PackedOperand a_columns;   // row16 of the columns of A: terms rank, columns in
  PackedOperand b_rows;      // row16 of the rows of B: terms rank, columns out
  PackedOperand b_columns;   // row16 of the columns of B: terms out, columns rank
};

/** Throws NOT_FINITE with `a_name` or `b_name`. */
LoraLinear prepare_lora(const float* a, const float* b, int rank, int in, int out, float scaling, const Where& a_name,
                        const Where& b_name);

/** Rows of a layer's input in the forms that its products take. */
struct LinearInput {
  int rows;
  std::int16_t* act8;   // [rows, padded(in)]
  float* dequant_scale; // [rows]
  Left row16;           // of the unquantised rows; absent (q null) where no LoRA needs it
};

LinearInput quantize_input(const float* x, std::size_t ldx, int rows, int in, bool with_row16, Arena& arena, const Where& where);

/** The same into memory of the caller; `row16` only where it is present. */
void quantize_into(const float* x, std::size_t ldx, int in, const LinearInput& input, const Where& where);

/**
 * y = base + scaling · B u.
 * Out: y [rows, ldy]; u [rows, rank] where `lora` is not null.
 */
void linear_forward(const Linear& linear, const LoraLinear* lora, const LinearInput& input, float* y, std::size_t ldy, float* u,
                    Arena& arena, const Where& where);

/** Its parts. u = A x, and its row16 for `linear_columns`. */
void lora_down(const LoraLinear& lora, const LinearInput& input, int in, float* u, const Left& u16, const Where& where);

/** y for the outputs [first, end) alone; `first` is a multiple of TernaryMatrix::kGroup. `u16` is not looked at without `lora`. */
void linear_columns(const Linear& linear, const LoraLinear* lora, const LinearInput& input, const Left& u16, int first, int end, float* y,
                    std::size_t ldy, Arena& arena);

/**
 * Gradient of the input: dx = base + dz, or dx + (base + dz) where `add`. du [rows, rank] where `lora` is not null.
 * dx may be null: then only du is computed.
 */
void linear_backward(const Linear& linear, const LoraLinear* lora, const float* dy, std::size_t lddy, int rows, float* dx,
                     std::size_t lddx, bool add, float* du, Arena& arena, const Where& where);

/** Columns [first, first + count) of a layer's input or output gradient for one canonical block of tokens, as right operand. */
struct BlockColumns {
  Panels panels;
  Scales scales;
  int first;
  int count;
};

BlockColumns block_columns(const float* x, std::size_t ldx, int tokens, int first, int count, Arena& arena, const Where& where);

/** Adds one canonical block of tokens to dB [out, rank], for the outputs whose columns are given. */
void lora_gradient_b(const BlockColumns& dy, const float* u, int tokens, int rank, float scaling, float* db, Arena& arena,
                     const Where& where);

/** Adds one canonical block of tokens to dA [rank, in], for the inputs whose columns are given. */
void lora_gradient_a(const BlockColumns& x, const float* du, int tokens, int rank, int in, float* da, Arena& arena,
                     const Where& where);

}  // namespace r3mes::cpu

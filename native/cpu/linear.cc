#include "linear.h"

#include <algorithm>
#include <string>

#include "bits.h"
#include "product.h"

namespace r3mes::cpu {

namespace {

/** Rows of mantissas with K terms each, packed to be the right operand. */
PackedOperand packed(const Rows16& rows, int columns, int K) {
  PackedOperand operand;
  operand.terms = padded(K);
  operand.q.resize(panels_size(K, columns));
  pack_rows(rows.q, rows.stride, columns, K, operand.panels());
  operand.pow.resize(columns);
  for (int i = 0; i < columns; ++i) operand.pow[i] = pow2d(rows.e[i]);
  return operand;
}

}  // namespace

LoraLinear prepare_lora(const float* a, const float* b, int rank, int in, int out, float scaling, const Where& a_name,
                        const Where& b_name) {
  LoraLinear lora;
  lora.rank = rank;
  lora.scaling = scaling;
  Arena arena;
  const Rows16 a_rows = take_rows16(arena, rank, in);
  row16_rows(a, in, rank, in, a_rows, a_name);
  lora.a_rows = packed(a_rows, rank, in);
  const Rows16 a_columns = take_rows16(arena, in, rank);
  row16_columns(a, in, rank, in, nullptr, a_columns, arena, a_name);
  lora.a_columns = packed(a_columns, in, rank);
  const Rows16 b_rows = take_rows16(arena, out, rank);
  row16_rows(b, rank, out, rank, b_rows, b_name);
  lora.b_rows = packed(b_rows, out, rank);
  const Rows16 b_columns = take_rows16(arena, rank, out);
  row16_columns(b, rank, out, rank, nullptr, b_columns, arena, b_name);
  lora.b_columns = packed(b_columns, rank, out);
  return lora;
}

LinearInput quantize_input(const float* x, std::size_t ldx, int rows, int in, bool with_row16, Arena& arena, const Where& where) {
  const std::size_t stride = padded(in);
  LinearInput input{rows, arena.get<std::int16_t>(rows * stride), arena.get<float>(rows), take_rows16(arena, rows, in)};
  quantize_into(x, ldx, in, input, where);
  if (!with_row16) input.row16.q = nullptr;
  return input;
}

void quantize_into(const float* x, std::size_t ldx, int in, const LinearInput& input, const Where& where) {
  const std::size_t stride = padded(in);
  row16_rows(x, ldx, input.rows, in, input.row16, where);
  for (int i = 0; i < input.rows; ++i) {
    input.dequant_scale[i] = act8(x + i * ldx, in, absmax_bits(x + i * ldx, in), input.act8 + i * stride);
  }
}

void lora_down(const LoraLinear& lora, const LinearInput& input, int in, float* u, const Rows16& u16, const Where& where) {
  const int rank = lora.rank;
  product(input.row16.q, input.row16.stride, input.rows, lora.a_rows.panels(), rank, in, [&](int i, int j0, int n, const double* sum) {
    const double pow = pow2d(input.row16.e[i]);
    for (int j = 0; j < n; ++j) u[i * rank + j0 + j] = rn(sum[j], pow * lora.a_rows.pow[j0 + j]);
  });
  row16_rows(u, rank, input.rows, rank, u16, where);
}

void linear_columns(const Linear& linear, const LoraLinear* lora, const LinearInput& input, const Rows16& u16, int first, int end, float* y,
                    std::size_t ldy, Arena& arena) {
  const int last = std::min(end, linear.out());
  product_ternary(input.act8, padded(linear.in()), input.rows, linear.w, Width::kInt8, arena, [&](int i, int o0, int n, const std::int32_t* sum) {
    const float scale = input.dequant_scale[i] * linear.scale;
    float* to = y + i * ldy + o0;
    for (int o = 0; o < n; ++o) to[o] = static_cast<float>(sum[o]) * scale;
  }, first, last);
  if (lora == nullptr) return;
  const Panels b = lora->b_rows.panels();
  product(u16.q, u16.stride, input.rows, b.panel(first / kLanes), b.terms, last - first, lora->rank, [&](int i, int o0, int n, const double* sum) {
    const double pow = pow2d(u16.e[i]);
    const double* b_pow = lora->b_rows.pow.data() + first + o0;
    float* to = y + i * ldy + first + o0;
    for (int o = 0; o < n; ++o) to[o] = to[o] + lora->scaling * rn(sum[o], pow * b_pow[o]);
  });
}

void linear_forward(const Linear& linear, const LoraLinear* lora, const LinearInput& input, float* y, std::size_t ldy, float* u,
                    Arena& arena, const Where& where) {
  Arena::Mark mark(arena);
  Rows16 u16{};
  if (lora != nullptr) {
    u16 = take_rows16(arena, input.rows, lora->rank);
    lora_down(*lora, input, linear.in(), u, u16, where);
  }
  linear_columns(linear, lora, input, u16, 0, linear.out(), y, ldy, arena);
}

void linear_backward(const Linear& linear, const LoraLinear* lora, const float* dy, std::size_t lddy, int rows, float* dx,
                     std::size_t lddx, bool add, float* du, Arena& arena, const Where& where) {
  const int in = linear.in(), out = linear.out();
  Arena::Mark mark(arena);
  const Rows16 dy16 = take_rows16(arena, rows, out);
  row16_rows(dy, lddy, rows, out, dy16, where);

  // Where sums are added to what is there, base + dz must be rounded before; so it is made apart.
  float* to = add ? arena.get<float>(static_cast<std::size_t>(rows) * in) : dx;
  const std::size_t ldto = add ? static_cast<std::size_t>(in) : lddx;
  if (dx != nullptr) {
    product_ternary(dy16.q, dy16.stride, rows, linear.w_transposed, Width::kInt16, arena, [&](int i, int c0, int n, const std::int32_t* sum) {
      const double pow = pow2d(dy16.e[i]);
      float* row = to + i * ldto + c0;
      for (int c = 0; c < n; ++c) row[c] = rn(static_cast<double>(sum[c]), pow) * linear.scale;
    });
  }
  if (lora != nullptr) {
    const int rank = lora->rank;
    product(dy16.q, dy16.stride, rows, lora->b_columns.panels(), rank, out, [&](int i, int j0, int n, const double* sum) {
      const double pow = pow2d(dy16.e[i]);
      for (int j = 0; j < n; ++j) du[i * rank + j0 + j] = lora->scaling * rn(sum[j], pow * lora->b_columns.pow[j0 + j]);
    });
    if (dx != nullptr) {
      const Rows16 du16 = take_rows16(arena, rows, rank);
      row16_rows(du, rank, rows, rank, du16, where);
      product(du16.q, du16.stride, rows, lora->a_columns.panels(), in, rank, [&](int i, int c0, int n, const double* sum) {
        const double pow = pow2d(du16.e[i]);
        const double* a_pow = lora->a_columns.pow.data() + c0;
        float* row = to + i * ldto + c0;
        for (int c = 0; c < n; ++c) row[c] = row[c] + rn(sum[c], pow * a_pow[c]);
      });
    }
  }
  if (add) {
    for (int i = 0; i < rows; ++i) {
      for (int c = 0; c < in; ++c) dx[i * lddx + c] += to[i * ldto + c];
    }
  }
}

BlockColumns block_columns(const float* x, std::size_t ldx, int tokens, int first, int count, Arena& arena, const Where& where) {
  const BlockColumns columns{take_panels(arena, tokens, count), arena.get<std::int32_t>(count), first, count};
  row16_panels(x + first, ldx, tokens, count, nullptr, columns.panels, columns.e, where);
  return columns;
}

void lora_gradient_b(const BlockColumns& dy, const float* u, int tokens, int rank, float scaling, float* db, Arena& arena,
                     const Where& where) {
  Arena::Mark mark(arena);
  const Rows16 u_columns = take_rows16(arena, rank, tokens);
  row16_columns(u, rank, tokens, rank, nullptr, u_columns, arena, where);
  product(u_columns.q, u_columns.stride, rank, dy.panels, dy.count, tokens, [&](int j, int o0, int n, const double* sum) {
    float* to = db + static_cast<std::size_t>(dy.first + o0) * rank + j;
    for (int o = 0; o < n; ++o) to[o * rank] += rn(sum[o], pow2d(dy.e[o0 + o] + u_columns.e[j])) * scaling;
  });
}

void lora_gradient_a(const BlockColumns& x, const float* du, int tokens, int rank, int in, float* da, Arena& arena,
                     const Where& where) {
  Arena::Mark mark(arena);
  const Rows16 du_columns = take_rows16(arena, rank, tokens);
  row16_columns(du, rank, tokens, rank, nullptr, du_columns, arena, where);
  product(du_columns.q, du_columns.stride, rank, x.panels, x.count, tokens, [&](int j, int c0, int n, const double* sum) {
    float* to = da + static_cast<std::size_t>(j) * in + x.first + c0;
    for (int c = 0; c < n; ++c) to[c] += rn(sum[c], pow2d(x.e[c0 + c] + du_columns.e[j]));
  });
}

}  // namespace r3mes::cpu

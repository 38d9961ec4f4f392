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
  operand.e.assign(rows.e, rows.e + columns);
  operand.pow.resize(scales_size(columns));
  const Scales scales = make_scales(operand.e.data(), columns, operand.pow.data(), [&](int j) { return is_zero(rows.row(j), K); });
  operand.least = scales.least;
  operand.most = scales.most;
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
  LinearInput input{rows, arena.get<std::int16_t>(rows * stride), arena.get<float>(rows), Left{}};
  if (with_row16) input.row16 = take_left(take_rows16(arena, rows, in), rows, arena);
  quantize_into(x, ldx, in, input, where);
  return input;
}

void quantize_into(const float* x, std::size_t ldx, int in, const LinearInput& input, const Where& where) {
  const std::size_t stride = padded(in);
  for (int i = 0; i < input.rows; ++i) {
    const float* row = x + i * ldx;
    const std::uint32_t absmax = absmax_bits(row, in);
    require_finite(row, in, absmax, where, i);
    if (input.row16.rows.q != nullptr) quantize_row(input.row16, i, row, in, absmax, padded(in), where, i);
    input.dequant_scale[i] = act8(row, in, absmax, input.act8 + i * stride);
  }
}

void lora_down(const LoraLinear& lora, const LinearInput& input, int in, float* u, const Left& u16, const Where& where) {
  const int rank = lora.rank;
  product(input.row16, 0, input.rows, lora.a_rows.panels(), rank, in, lora.a_rows.scales(), [&](int i, int j0, int n, const float* v) {
    for (int j = 0; j < n; ++j) u[i * rank + j0 + j] = v[j];
  });
  for (int i = 0; i < input.rows; ++i) {
    const float* row = u + static_cast<std::size_t>(i) * rank;
    quantize_row(u16, i, row, rank, absmax_bits(row, rank), padded(rank), where, i);
  }
}

void linear_columns(const Linear& linear, const LoraLinear* lora, const LinearInput& input, const Left& u16, int first, int end, float* y,
                    std::size_t ldy, Arena& arena) {
  const int last = std::min(end, linear.out());
  product_ternary(input.act8, padded(linear.in()), input.rows, linear.w, Width::kInt8, arena, [&](int i, int o0, int n, const std::int32_t* sum) {
    const float scale = input.dequant_scale[i] * linear.scale;
    float* to = y + i * ldy + o0;
    for (int o = 0; o < n; ++o) to[o] = static_cast<float>(sum[o]) * scale;
  }, first, last);
  if (lora == nullptr) return;
  const float scaling = lora->scaling;
  const Panels all = lora->b_rows.panels();
  product(u16, 0, input.rows, Panels{all.panel(first / kLanes), all.terms}, last - first, lora->rank, lora->b_rows.scales().from(first),
          [&](int i, int o0, int n, const float* v) {
            float* to = y + i * ldy + first + o0;
            for (int o = 0; o < n; ++o) to[o] = to[o] + scaling * v[o];
          });
}

void linear_forward(const Linear& linear, const LoraLinear* lora, const LinearInput& input, float* y, std::size_t ldy, float* u,
                    Arena& arena, const Where& where) {
  Arena::Mark mark(arena);
  Left u16{};
  if (lora != nullptr) {
    u16 = take_left(take_rows16(arena, input.rows, lora->rank), input.rows, arena);
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
    product(left_of(dy16, rows, out, arena), 0, rows, lora->b_columns.panels(), rank, out, lora->b_columns.scales(),
            [&](int i, int j0, int n, const float* v) {
              for (int j = 0; j < n; ++j) du[i * rank + j0 + j] = lora->scaling * v[j];
            });
    if (dx != nullptr) {
      product(left_rows(du, rank, rows, rank, arena, where), 0, rows, lora->a_columns.panels(), in, rank, lora->a_columns.scales(),
              [&](int i, int c0, int n, const float* v) {
                float* row = to + i * ldto + c0;
                for (int c = 0; c < n; ++c) row[c] = row[c] + v[c];
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
  BlockColumns columns{take_panels(arena, tokens, count), {}, first, count};
  std::int32_t* e = arena.get<std::int32_t>(count);
  row16_panels(x + first, ldx, tokens, count, nullptr, columns.panels, e, arena, where);
  columns.scales = scales_of(columns.panels, e, count, tokens, arena);
  return columns;
}

void lora_gradient_b(const BlockColumns& dy, const float* u, int tokens, int rank, float scaling, float* db, Arena& arena,
                     const Where& where) {
  Arena::Mark mark(arena);
  const Rows16 u_columns = take_rows16(arena, rank, tokens);
  row16_columns(u, rank, tokens, rank, nullptr, u_columns, arena, where);
  product(left_of(u_columns, rank, tokens, arena), 0, rank, dy.panels, dy.count, tokens, dy.scales, [&](int j, int o0, int n, const float* v) {
    float* to = db + static_cast<std::size_t>(dy.first + o0) * rank + j;
    for (int o = 0; o < n; ++o) to[o * rank] += v[o] * scaling;
  });
}

void lora_gradient_a(const BlockColumns& x, const float* du, int tokens, int rank, int in, float* da, Arena& arena,
                     const Where& where) {
  Arena::Mark mark(arena);
  const Rows16 du_columns = take_rows16(arena, rank, tokens);
  row16_columns(du, rank, tokens, rank, nullptr, du_columns, arena, where);
  product(left_of(du_columns, rank, tokens, arena), 0, rank, x.panels, x.count, tokens, x.scales, [&](int j, int c0, int n, const float* v) {
    float* to = da + static_cast<std::size_t>(j) * in + x.first + c0;
    for (int c = 0; c < n; ++c) to[c] += v[c];
  });
}

}  // namespace r3mes::cpu

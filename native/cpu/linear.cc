#include "linear.h"

#include <string>

#include "bits.h"
#include "product.h"

namespace r3mes::cpu {

namespace {

/** 2^e of `count` rows. */
void powers(const std::int32_t* e, int count, double* out) {
  for (int i = 0; i < count; ++i) out[i] = pow2d(e[i]);
}

/** Copies rows of mantissas without their padding, transposed: out[j][i] = rows[i][j]. */
std::vector<std::int16_t> transposed(const Rows16& rows, int count, int n) {
  std::vector<std::int16_t> out(static_cast<std::size_t>(count) * n);
  for (int i = 0; i < count; ++i) {
    for (int j = 0; j < n; ++j) out[static_cast<std::size_t>(j) * count + i] = rows.row(i)[j];
  }
  return out;
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
  lora.a_rows.resize(2 * a_rows.stride * rank);
  slice_rows(a_rows, rank, lora.a_rows.data());
  lora.a_rows_pow.resize(rank);
  powers(a_rows.e, rank, lora.a_rows_pow.data());

  const Rows16 a_columns = take_rows16(arena, in, rank);
  row16_columns(a, in, rank, in, nullptr, a_columns, arena, a_name);
  lora.a_columns = transposed(a_columns, in, rank);
  lora.a_columns_pow.resize(in);
  powers(a_columns.e, in, lora.a_columns_pow.data());

  const Rows16 b_rows = take_rows16(arena, out, rank);
  row16_rows(b, rank, out, rank, b_rows, b_name);
  lora.b_rows = transposed(b_rows, out, rank);
  lora.b_rows_pow.resize(out);
  powers(b_rows.e, out, lora.b_rows_pow.data());

  const Rows16 b_columns = take_rows16(arena, rank, out);
  row16_columns(b, rank, out, rank, nullptr, b_columns, arena, b_name);
  lora.b_columns.resize(2 * b_columns.stride * rank);
  slice_rows(b_columns, rank, lora.b_columns.data());
  lora.b_columns_pow.resize(rank);
  powers(b_columns.e, rank, lora.b_columns_pow.data());
  return lora;
}

LinearInput quantize_input(const float* x, std::size_t ldx, int rows, int in, bool with_row16, Arena& arena, const Where& where) {
  const std::size_t stride = padded(in);
  LinearInput input{rows, arena.get<std::int16_t>(rows * stride), arena.get<float>(rows), Rows16{nullptr, stride, nullptr}};
  input.row16 = take_rows16(arena, rows, in);
  row16_rows(x, ldx, rows, in, input.row16, where);
  for (int i = 0; i < rows; ++i) {
    input.dequant_scale[i] = act8(x + i * ldx, in, absmax_bits(x + i * ldx, in), input.act8 + i * stride);
  }
  if (!with_row16) input.row16.q = nullptr;
  return input;
}

void linear_forward(const Linear& linear, const LoraLinear* lora, const LinearInput& input, float* y, std::size_t ldy, float* u,
                    Arena& arena, const Where& where) {
  const int in = linear.in(), out = linear.out(), rows = input.rows;
  product_ternary(input.act8, padded(in), rows, linear.w, arena, [&](int i, int o0, int n, const std::int32_t* sum) {
    const float scale = input.dequant_scale[i] * linear.scale;
    float* to = y + i * ldy + o0;
    for (int o = 0; o < n; ++o) to[o] = static_cast<float>(sum[o]) * scale;
  });
  if (lora == nullptr) return;

  const int rank = lora->rank;
  product_sliced(input.row16.q, input.row16.stride, rows, lora->a_rows.data(), padded(in), rank, padded(in),
                 [&](int i, int j0, int n, const double* sum) {
                   const double pow = pow2d(input.row16.e[i]);
                   for (int j = 0; j < n; ++j) u[i * rank + j0 + j] = rn(sum[j], pow * lora->a_rows_pow[j0 + j]);
                 });
  Arena::Mark mark(arena);
  const Rows16 u16 = take_rows16(arena, rows, rank);
  row16_rows(u, rank, rows, rank, u16, where);
  product_short(u16.q, u16.stride, rows, lora->b_rows.data(), out, out, rank, arena,
                [&](int i, int o0, int n, const double* sum) {
                  const double pow = pow2d(u16.e[i]);
                  const double* b_pow = lora->b_rows_pow.data() + o0;
                  float* to = y + i * ldy + o0;
                  for (int o = 0; o < n; ++o) to[o] = to[o] + lora->scaling * rn(sum[o], pow * b_pow[o]);
                });
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
    product_ternary(dy16.q, dy16.stride, rows, linear.w_transposed, arena, [&](int i, int c0, int n, const std::int32_t* sum) {
      const double pow = pow2d(dy16.e[i]);
      float* row = to + i * ldto + c0;
      for (int c = 0; c < n; ++c) row[c] = rn(static_cast<double>(sum[c]), pow) * linear.scale;
    });
  }
  if (lora != nullptr) {
    const int rank = lora->rank;
    product_sliced(dy16.q, dy16.stride, rows, lora->b_columns.data(), padded(out), rank, padded(out),
                   [&](int i, int j0, int n, const double* sum) {
                     const double pow = pow2d(dy16.e[i]);
                     for (int j = 0; j < n; ++j) {
                       du[i * rank + j0 + j] = lora->scaling * rn(sum[j], pow * lora->b_columns_pow[j0 + j]);
                     }
                   });
    if (dx != nullptr) {
      const Rows16 du16 = take_rows16(arena, rows, rank);
      row16_rows(du, rank, rows, rank, du16, where);
      product_short(du16.q, du16.stride, rows, lora->a_columns.data(), in, in, rank, arena,
                    [&](int i, int c0, int n, const double* sum) {
                      const double pow = pow2d(du16.e[i]);
                      const double* a_pow = lora->a_columns_pow.data() + c0;
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

void lora_gradient_b(const float* dy, std::size_t lddy, const float* u, int tokens, int rank, float scaling, int first, int count,
                     float* db, Arena& arena, const Where& where) {
  Arena::Mark mark(arena);
  const Rows16 dy_columns = input_columns(dy, lddy, tokens, first, count, arena, where);
  const Rows16 u_columns = input_columns(u, rank, tokens, 0, rank, arena, where);
  std::int16_t* slices = arena.get<std::int16_t>(2 * u_columns.stride * rank);
  slice_rows(u_columns, rank, slices);
  product_sliced(dy_columns.q, dy_columns.stride, count, slices, u_columns.stride, rank, padded(tokens),
                 [&](int o, int j0, int n, const double* sum) {
                   float* to = db + static_cast<std::size_t>(first + o) * rank + j0;
                   for (int j = 0; j < n; ++j) to[j] += rn(sum[j], pow2d(dy_columns.e[o] + u_columns.e[j0 + j])) * scaling;
                 });
}

Rows16 input_columns(const float* x, std::size_t ldx, int tokens, int first, int count, Arena& arena, const Where& where) {
  const Rows16 columns = take_rows16(arena, count, tokens);
  row16_columns(x + first, ldx, tokens, count, nullptr, columns, arena, where);
  return columns;
}

void lora_gradient_a(const Rows16& columns, const float* du, int tokens, int rank, int in, int first, int count, float* da,
                     Arena& arena, const Where& where) {
  Arena::Mark mark(arena);
  const Rows16 du_columns = input_columns(du, rank, tokens, 0, rank, arena, where);
  std::int16_t* slices = arena.get<std::int16_t>(2 * du_columns.stride * rank);
  slice_rows(du_columns, rank, slices);
  product_sliced(columns.q, columns.stride, count, slices, du_columns.stride, rank, padded(tokens),
                 [&](int c, int j0, int n, const double* sum) {
                   for (int j = 0; j < n; ++j) {
                     da[static_cast<std::size_t>(j0 + j) * in + first + c] += rn(sum[j], pow2d(columns.e[c] + du_columns.e[j0 + j]));
                   }
                 });
}

}  // namespace r3mes::cpu

#include "attention.h"

#include <algorithm>
#include <cstring>

#include "bits.h"
#include "elementary.h"
#include "product.h"

namespace r3mes::cpu {

namespace {

constexpr int kQueryTile = 16;
constexpr int kKeyTile = 64;

/** Rows of a head [T][stride] as right operand whose terms are the head's size. */
Panels packed_rows(const Rows16& rows, int tokens, int head_size, Arena& arena) {
  const Panels panels = take_panels(arena, head_size, tokens);
  pack_rows(rows.q, rows.stride, tokens, head_size, panels);
  return panels;
}

/** The same as right operand whose terms are the tokens. */
Panels packed_columns(const Rows16& rows, int tokens, int head_size, Arena& arena) {
  const Panels panels = take_panels(arena, tokens, head_size);
  pack_columns(rows.q, rows.stride, head_size, tokens, panels);
  return panels;
}

double* powers(const Rows16& rows, int count, Arena& arena) {
  double* out = arena.get<double>(count);
  for (int i = 0; i < count; ++i) out[i] = pow2d(rows.e[i]);
  return out;
}

float* folds(const Rows16& rows, int count, Arena& arena) {
  float* out = arena.get<float>(count);
  for (int i = 0; i < count; ++i) out[i] = pow2f(rows.e[i]);
  return out;
}

/** s_ij for the rows [i0, i0 + rows) and keys [j0, j0 + columns) of one head. */
void scores(const KeyValue& kv, const Rows16& q, int i0, int rows, int j0, int columns, float scale, float* s, std::size_t lds) {
  product(q.row(i0), q.stride, rows, kv.k_rows.panel(j0 / kLanes), kv.k_rows.terms, columns, kv.head_size,
                 [&](int i, int j, int n, const double* sum) {
                   const double pow = pow2d(q.e[i0 + i]);
                   const double* k_pow = kv.k_pow + j0 + j;
                   float* to = s + i * lds + j;
                   for (int x = 0; x < n; ++x) to[x] = rn(sum[x], pow * k_pow[x]) * scale;
                 });
}

/**
 * p and dS of the rows [i0, i1) at the keys [j0, j1), written to p[(i − i0)·ld + (j − j0)]; zero where a key is later
 * than the query, up to the next multiple of kKeyTile.
 */
void probabilities(const KeyValue& kv, const QueryHead& head, int i0, int i1, int j0, int j1, float* p, float* ds,
                   std::size_t ld) {
  const int rows = i1 - i0, columns = std::min(j1, i1) - j0;
  scores(kv, head.q, i0, rows, j0, columns, head.scale, p, ld);
  product(head.d_o.row(i0), head.d_o.stride, rows, kv.v_rows.panel(j0 / kLanes), kv.v_rows.terms, columns, kv.head_size,
                 [&](int i, int j, int n, const double* sum) {
                   const double pow = head.o_pow[i0 + i];
                   const double* v_pow = kv.v_pow + j0 + j;
                   float* to = ds + i * ld + j;
                   for (int x = 0; x < n; ++x) to[x] = rn(sum[x], pow * v_pow[x]);
                 });
  const int zero_end = (std::min(j1, i1) - j0 + kKeyTile - 1) / kKeyTile * kKeyTile;
  for (int i = 0; i < rows; ++i) {
    const int n = std::clamp(i0 + i + 1 - j0, 0, columns);
    float* __restrict pi = p + i * ld;
    float* __restrict di = ds + i * ld;
    const float m = head.row_max[i0 + i], inverse = head.inverse_sum[i0 + i], D = head.D[i0 + i], scale = head.scale;
    for (int j = 0; j < n; ++j) {
      const float weight = exp_nonpositive(pi[j] - m) * inverse;
      pi[j] = weight;
      di[j] = (weight * (di[j] - D)) * scale;
    }
    for (int j = n; j < zero_end; ++j) pi[j] = di[j] = 0.0f;
  }
}

/** dq of the rows [i0, i1) from complete rows of dS. */
void query_gradient(const KeyValue& kv, int i0, int i1, const float* ds, std::size_t ldds, float* dq, std::size_t ld, Arena& arena,
                    const Where& where) {
  Arena::Mark mark(arena);
  const int rows = i1 - i0, K = padded(i1);
  const Rows16 b = take_rows16(arena, rows, i1);
  float* folded = arena.get<float>(i1);
  for (int i = 0; i < rows; ++i) {
    const int n = i0 + i + 1;
    for (int j = 0; j < n; ++j) folded[j] = ds[i * ldds + j] * kv.k_fold[j];
    std::int16_t* row = b.q + i * b.stride;
    b.e[i] = row16(folded, n, row, where, i0 + i);
    for (int j = padded(n); j < K; ++j) row[j] = 0;
  }
  product(b.q, b.stride, rows, kv.k_columns, kv.head_size, i1,
                 [&](int i, int c0, int n, const double* sum) {
                   const double pow = pow2d(b.e[i]);
                   float* to = dq + (i0 + i) * ld + c0;
                   for (int c = 0; c < n; ++c) to[c] = rn(sum[c], pow);
                 });
}

/** One of dk, dv at the keys [j0, j0 + keys): x [T − from, ldx] are the columns of dS or p from row `from` on. */
void key_gradient(const float* x, std::size_t ldx, const float* fold, const Panels& columns, int tokens, int head_size, int from,
                  int j0, int keys, float* out, std::size_t ldout, bool add, Arena& arena, const Where& where) {
  Arena::Mark mark(arena);
  const int rows = tokens - from;
  const Rows16 b = take_rows16(arena, keys, rows);
  row16_columns(x, ldx, rows, keys, fold + from, b, arena, where);
  product(b.q, b.stride, keys, columns.q + static_cast<std::size_t>(from) * kLanes, columns.terms, head_size, rows,
                 [&](int j, int c0, int n, const double* sum) {
                   const double pow = pow2d(b.e[j]);
                   float* to = out + (j0 + j) * ldout + c0;
                   if (add) {
                     for (int c = 0; c < n; ++c) to[c] += rn(sum[c], pow);
                   } else {
                     for (int c = 0; c < n; ++c) to[c] = rn(sum[c], pow);
                   }
                 });
}

void key_gradients(const KeyValue& kv, const QueryHead& head, int from, int j0, int j1, const float* p, const float* ds,
                   std::size_t ld, float* dk, float* dv, std::size_t ldkv, bool add, Arena& arena, const Where& where) {
  key_gradient(ds, ld, head.q_fold, head.q_columns, kv.tokens, kv.head_size, from, j0, j1 - j0, dk, ldkv, add, arena, where);
  key_gradient(p, ld, head.o_fold, head.o_columns, kv.tokens, kv.head_size, from, j0, j1 - j0, dv, ldkv, add, arena, where);
}

KeyValue prepare(const Rows16& k, const Rows16& v, int tokens, int head_size, Arena& arena) {
  KeyValue kv{};
  kv.tokens = tokens;
  kv.head_size = head_size;
  kv.k_rows = packed_rows(k, tokens, head_size, arena);
  kv.k_pow = powers(k, tokens, arena);
  kv.v_pow = powers(v, tokens, arena);
  kv.k_fold = folds(k, tokens, arena);
  kv.v_fold = folds(v, tokens, arena);
  kv.k_exponent_max = *std::max_element(k.e, k.e + tokens);
  return kv;
}

}  // namespace

KeyValue prepare_forward(const Rows16& k, const Rows16& v, int tokens, int head_size, Arena& arena) {
  KeyValue kv = prepare(k, v, tokens, head_size, arena);
  kv.v_columns = packed_columns(v, tokens, head_size, arena);
  return kv;
}

KeyValue prepare_backward(const Rows16& k, const Rows16& v, int tokens, int head_size, Arena& arena) {
  KeyValue kv = prepare(k, v, tokens, head_size, arena);
  kv.v_rows = packed_rows(v, tokens, head_size, arena);
  kv.k_columns = packed_columns(k, tokens, head_size, arena);
  return kv;
}

void attention_forward(const KeyValue& kv, const Rows16& q, int first, int last, float scale, float* o, std::size_t ldo,
                       float* row_max, float* inverse_sum, Arena& arena, const Where& where) {
  Arena::Mark mark(arena);
  const std::size_t lds = padded(last);
  float* s = arena.get<float>(kQueryTile * lds);
  const Rows16 b = take_rows16(arena, kQueryTile, last);
  for (int i0 = first; i0 < last; i0 += kQueryTile) {
    const int rows = std::min(kQueryTile, last - i0), keys = i0 + rows, K = padded(keys);
    scores(kv, q, i0, rows, 0, keys, scale, s, lds);
    for (int i = 0; i < rows; ++i) {
      const int n = i0 + i + 1;
      float* __restrict w = s + i * lds;
      // |s| < 2^(30 + e + e) · d: only where that can reach 2^128 is there anything to look for.
      if (q.e[i0 + i] + kv.k_exponent_max > 60 && absmax_bits(w, n) >= kInfinityBits) {
        for (int j = 0; j < n; ++j) {
          if ((bits_of(w[j]) & kAbsMask) >= kInfinityBits) not_finite(where, i0 + i, j, w[j]);
        }
      }
      const float m = largest(w, n);
      for (int j = 0; j < n; ++j) w[j] = exp_nonpositive(w[j] - m);
      std::int64_t sum = 0;
      for (int j = 0; j < n; ++j) sum += fix30(w[j]);
      row_max[i0 + i] = m;
      inverse_sum[i0 + i] = 1.0f / rn(static_cast<double>(sum), 0x1p-30);
      for (int j = 0; j < n; ++j) w[j] *= kv.v_fold[j];
      std::int16_t* row = b.q + i * b.stride;
      b.e[i] = row16(w, n, row, where, i0 + i);
      for (int j = padded(n); j < K; ++j) row[j] = 0;
    }
    product(b.q, b.stride, rows, kv.v_columns, kv.head_size, keys,
                   [&](int i, int c0, int n, const double* sum) {
                     const double pow = pow2d(b.e[i]);
                     const float inverse = inverse_sum[i0 + i];
                     float* to = o + (i0 + i) * ldo + c0;
                     for (int c = 0; c < n; ++c) to[c] = rn(sum[c], pow) * inverse;
                   });
  }
}

QueryHead prepare_query_head(const Rows16& q, const float* d_o, const float* o, std::size_t ld, int tokens, int head_size,
                             const float* row_max, const float* inverse_sum, float scale, Arena& arena, const Where& where) {
  QueryHead head{};
  head.q = q;
  head.d_o = take_rows16(arena, tokens, head_size);
  row16_rows(d_o, ld, tokens, head_size, head.d_o, where);
  head.q_columns = packed_columns(q, tokens, head_size, arena);
  head.o_columns = packed_columns(head.d_o, tokens, head_size, arena);
  head.q_pow = powers(q, tokens, arena);
  head.o_pow = powers(head.d_o, tokens, arena);
  head.q_fold = folds(q, tokens, arena);
  head.o_fold = folds(head.d_o, tokens, arena);
  head.D = arena.get<float>(tokens);
  head.row_max = row_max;
  head.inverse_sum = inverse_sum;
  head.scale = scale;
  Arena::Mark mark(arena);
  std::int16_t* o16 = arena.get<std::int16_t>(padded(head_size));
  for (int i = 0; i < tokens; ++i) {
    const int e = row16(o + i * ld, head_size, o16, where, i);
    const std::int64_t sum = dot_mantissas(head.d_o.row(i), o16, padded(head_size));
    head.D[i] = rn(static_cast<double>(sum), pow2d(head.d_o.e[i] + e));
  }
  return head;
}

void attention_backward(const KeyValue& kv, const QueryHead& head, float* dq, std::size_t ld, float* dk, float* dv,
                        std::size_t ldkv, bool add, Arena& arena, const Where& where) {
  Arena::Mark mark(arena);
  const int T = kv.tokens;
  const std::size_t side = static_cast<std::size_t>((T + kKeyTile - 1) / kKeyTile) * kKeyTile;
  float* p = arena.get<float>(side * T);
  float* ds = arena.get<float>(side * T);
  for (int i0 = 0; i0 < T; i0 += kQueryTile) {
    const int i1 = std::min(T, i0 + kQueryTile);
    probabilities(kv, head, i0, i1, 0, T, p + i0 * side, ds + i0 * side, side);
    query_gradient(kv, i0, i1, ds + i0 * side, side, dq, ld, arena, where);
  }
  for (int j0 = 0; j0 < T; j0 += kKeyTile) {
    const int j1 = std::min(T, j0 + kKeyTile);
    const std::size_t at = j0 * side + j0;
    key_gradients(kv, head, j0, j0, j1, p + at, ds + at, side, dk, dv, ldkv, add, arena, where);
  }
}

void attention_backward_queries(const KeyValue& kv, const QueryHead& head, int first, int last, float* dq, std::size_t ld,
                                Arena& arena, const Where& where) {
  Arena::Mark mark(arena);
  const std::size_t side = static_cast<std::size_t>((last + kKeyTile - 1) / kKeyTile) * kKeyTile;
  float* p = arena.get<float>(kQueryTile * side);
  float* ds = arena.get<float>(kQueryTile * side);
  for (int i0 = first; i0 < last; i0 += kQueryTile) {
    const int i1 = std::min(last, i0 + kQueryTile);
    probabilities(kv, head, i0, i1, 0, last, p, ds, side);
    query_gradient(kv, i0, i1, ds, side, dq, ld, arena, where);
  }
}

void attention_backward_keys(const KeyValue& kv, const QueryHead& head, int first, int last, float* dk, float* dv,
                             std::size_t ldkv, bool add, Arena& arena, const Where& where) {
  Arena::Mark mark(arena);
  const int T = kv.tokens;
  float* p = arena.get<float>(static_cast<std::size_t>(T - first) * kKeyTile);
  float* ds = arena.get<float>(static_cast<std::size_t>(T - first) * kKeyTile);
  for (int j0 = first; j0 < last; j0 += kKeyTile) {
    const int j1 = std::min(last, j0 + kKeyTile);
    for (int i0 = j0; i0 < T; i0 += kQueryTile) {
      const int i1 = std::min(T, i0 + kQueryTile);
      const std::size_t at = static_cast<std::size_t>(i0 - j0) * kKeyTile;
      probabilities(kv, head, i0, i1, j0, j1, p + at, ds + at, kKeyTile);
    }
    key_gradients(kv, head, j0, j0, j1, p, ds, kKeyTile, dk, dv, ldkv, add, arena, where);
  }
}

}  // namespace r3mes::cpu

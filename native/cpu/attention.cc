#include "attention.h"

#include <algorithm>
#include <cstring>

#include "bits.h"
#include "elementary.h"
#include "product.h"

namespace r3mes::cpu {

namespace {

/** Queries whose weights are made together: whole tiles of every instruction set, and a multiple of four terms. */
constexpr int kQueryTile = 12;
/** Keys whose weights are turned into one right operand; no query before the first of them has any. */
constexpr int kKeyTile = 32;
static_assert(kQueryTile % kMicroRows == 0 && kKeyTile % kStoreColumns == 0 && kKeyStripe % kKeyTile == 0);

inline int key_tiles(int n) { return (n + kKeyTile - 1) / kKeyTile * kKeyTile; }

/** Distance of rows of n floats: an odd number of tiles, else all rows of a column fall into the same few sets of a cache. */
inline std::size_t row_distance(int n) { return static_cast<std::size_t>(key_tiles(n) | kKeyTile); }

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

/** The transpose as left operand: [d] rows along the tokens, of mantissas alone. */
Left transposed(const Rows16& rows, int tokens, int head_size, Arena& arena) {
  const Rows16 columns = take_rows16(arena, head_size, tokens);
  const int all = padded(tokens);
  for (int c = 0; c < head_size; ++c) {
    std::int16_t* to = columns.row(c);
    for (int t = 0; t < tokens; ++t) to[t] = rows.q[t * rows.stride + c];
    for (int t = tokens; t < all; ++t) to[t] = 0;
    columns.e[c] = 0;
  }
  return left_of(columns, head_size, tokens, arena);
}

float* folds(const Rows16& rows, int count, Arena& arena) {
  float* out = arena.get<float>(count);
  for (int i = 0; i < count; ++i) out[i] = pow2f(rows.e[i]);
  return out;
}

/** dot(a_i, b_j) for the rows [i0, i0 + rows) of `a` and the keys [j0, j0 + columns), j0 a multiple of kKeyTile: out[i · ldo + j]. */
void key_products(const Left& a, int i0, int rows, const Panels& keys, const Scales& scales, int j0, int columns, int head_size, float* out,
                  std::size_t ldo) {
  const Panels some{keys.panel(j0 / kLanes), keys.terms};
  const Scales their{scales.e + j0, scales.pow + j0, scales.least, scales.most};
  product_to(a, i0, rows, some, columns, head_size, their, out, ldo);
}

/** Bits of the largest magnitudes of the columns of a stripe: of p · 2^eo and dS · 2^eq. */
struct Largest {
  std::int32_t p[kKeyStripe];
  std::int32_t ds[kKeyStripe];
};

/**
 * p and dS of the rows [i0, i1) at the keys [j0, j1), written to p[(i − i0)·ldp + (j − j0)] and ds with ldds; zeros where a
 * key is later than the query, up to the end of its tile of keys. `largest` may be null.
 */
void probabilities(const KeyValue& kv, const QueryHead& head, int i0, int i1, int j0, int j1, float* p, std::size_t ldp, float* ds,
                   std::size_t ldds, Largest* largest) {
  const int rows = i1 - i0, columns = std::min(j1, i1) - j0;
  key_products(head.q, i0, rows, kv.k_rows, kv.k_scales, j0, columns, kv.head_size, p, ldp);
  key_products(head.d_o, i0, rows, kv.v_rows, kv.v_scales, j0, columns, kv.head_size, ds, ldds);
  const int zero_end = key_tiles(columns);
  for (int i = 0; i < rows; ++i) {
    const int n = std::clamp(i0 + i + 1 - j0, 0, columns);
    float* __restrict pi = p + i * ldp;
    float* __restrict di = ds + i * ldds;
    const float m = head.row_max[i0 + i], inverse = head.inverse_sum[i0 + i], D = head.D[i0 + i], scale = head.scale;
    if (largest != nullptr) {
      std::int32_t* __restrict most_p = largest->p;
      std::int32_t* __restrict most_ds = largest->ds;
      const float fold_p = head.o_fold[i0 + i], fold_ds = head.q_fold[i0 + i];
      for (int j = 0; j < n; ++j) {
        const float weight = exp_nonpositive(pi[j] * scale - m) * inverse;
        const float d = (weight * (di[j] - D)) * scale;
        pi[j] = weight;
        di[j] = d;
        most_p[j] = std::max(most_p[j], static_cast<std::int32_t>(bits_of(weight * fold_p) & kAbsMask));
        most_ds[j] = std::max(most_ds[j], static_cast<std::int32_t>(bits_of(d * fold_ds) & kAbsMask));
      }
    } else {
      for (int j = 0; j < n; ++j) di[j] = ((exp_nonpositive(pi[j] * scale - m) * inverse) * (di[j] - D)) * scale;
    }
    for (int j = n; j < zero_end; ++j) pi[j] = di[j] = 0.0f;
  }
}

/** Rows of weights of one tile of queries as left operand. */
struct Weights {
  Left left;
  float* folded;
};

Weights take_weights(int keys, Arena& arena) {
  return Weights{take_left(take_rows16(arena, kQueryTile, keys), kQueryTile, arena), arena.get<float>(padded(keys))};
}

/** dq of the rows [i0, i1) from complete rows of dS. */
void query_gradient(const KeyValue& kv, const Weights& b, int i0, int i1, const float* ds, std::size_t ldds, float* dq, std::size_t ld,
                    const Where& where) {
  const int rows = i1 - i0;
  for (int i = 0; i < rows; ++i) {
    const int n = i0 + i + 1;
    const std::uint32_t absmax = fold_row(ds + i * ldds, kv.k_fold, n, b.folded);
    quantize_row(b.left, i, b.folded, n, absmax, padded(i1), where, i0 + i);
  }
  product(b.left, 0, rows, kv.k_columns, kv.head_size, i1, Scales{},
          [&](int i, int c0, int n, const float* v) { std::memcpy(dq + (i0 + i) * ld + c0, v, n * sizeof *v); });
}

/**
 * One of dk, dv at the keys [j0, j1) of a stripe: x [T − j0, ldx] are the columns of dS or p from row and key j0 on, `largest`
 * their largest magnitudes. The weights become the right operand, tile of keys by tile, so that nothing but the result is
 * transposed.
 */
void key_gradient(const float* x, std::size_t ldx, const float* fold, const std::int32_t* largest, const Left& columns, int tokens,
                  int head_size, int j0, int j1, float* out, std::size_t ldout, bool add, Arena& arena, const Where& where) {
  Arena::Mark mark(arena);
  float* result = arena.get<float>(static_cast<std::size_t>(head_size) * kKeyTile);
  std::int32_t e[kKeyTile];
  for (int j = j0; j < j1; j += kKeyTile) {
    Arena::Mark inner(arena);
    const int rows = tokens - j, keys = std::min(kKeyTile, j1 - j);
    const Panels b = take_panels(arena, rows, keys);
    row16_panels(x + static_cast<std::size_t>(j - j0) * (ldx + 1), ldx, rows, keys, fold + j, largest + (j - j0), b, e, where);
    product_to(columns.from(j), 0, head_size, b, keys, rows, scales_of(b, e, keys, rows, arena), result, kKeyTile);
    for (int i = 0; i < keys; ++i) {
      float* __restrict to = out + (j + i) * ldout;
      if (add) {
        for (int c = 0; c < head_size; ++c) to[c] += result[c * kKeyTile + i];
      } else {
        for (int c = 0; c < head_size; ++c) to[c] = result[c * kKeyTile + i];
      }
    }
  }
}

/** A stripe of keys [j0, j1), j1 − j0 ≤ kKeyStripe: dk and dv, and dS in ds[(i − j0)·ldds + (j − j0)]. p is scratch. */
void stripe_gradients(const KeyValue& kv, const QueryHead& head, int j0, int j1, float* p, std::size_t ldp, float* ds, std::size_t ldds,
                      float* dk, float* dv, std::size_t ldkv, bool add, Arena& arena, const Where& where) {
  const int T = kv.tokens;
  Arena::Mark mark(arena);
  Largest* largest = arena.get<Largest>(1);
  std::memset(largest, 0, sizeof *largest);
  for (int i0 = j0; i0 < T; i0 += kQueryTile) {
    const std::size_t row = static_cast<std::size_t>(i0 - j0);
    probabilities(kv, head, i0, std::min(T, i0 + kQueryTile), j0, j1, p + row * ldp, ldp, ds + row * ldds, ldds, largest);
  }
  key_gradient(ds, ldds, head.q_fold, largest->ds, head.q_columns, T, kv.head_size, j0, j1, dk, ldkv, add, arena, where);
  key_gradient(p, ldp, head.o_fold, largest->p, head.o_columns, T, kv.head_size, j0, j1, dv, ldkv, add, arena, where);
}

KeyValue prepare(const Rows16& k, const Rows16& v, int tokens, int head_size, Arena& arena) {
  KeyValue kv{};
  kv.tokens = tokens;
  kv.head_size = head_size;
  kv.k_rows = packed_rows(k, tokens, head_size, arena);
  kv.k_scales = scales_of(k, tokens, head_size, arena);
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
  kv.v_scales = scales_of(v, tokens, head_size, arena);
  kv.k_columns = packed_columns(k, tokens, head_size, arena);
  return kv;
}

void attention_forward(const KeyValue& kv, const Rows16& q, int first, int last, float scale, float* o, std::size_t ldo,
                       float* row_max, float* inverse_sum, Arena& arena, const Where& where) {
  Arena::Mark mark(arena);
  const std::size_t lds = row_distance(last);
  float* s = arena.get<float>(kQueryTile * lds);
  const Left queries = left_of(Rows16{q.q + first * q.stride, q.stride, q.e + first}, last - first, kv.head_size, arena);
  const Weights b = take_weights(last, arena);
  for (int i0 = first; i0 < last; i0 += kQueryTile) {
    const int rows = std::min(kQueryTile, last - i0), keys = i0 + rows;
    key_products(queries, i0 - first, rows, kv.k_rows, kv.k_scales, 0, keys, kv.head_size, s, lds);
    for (int i = 0; i < rows; ++i) {
      const int n = i0 + i + 1;
      float* __restrict w = s + i * lds;
      for (int j = 0; j < n; ++j) w[j] *= scale;
      // |s| < 2^(30 + e + e) · d: only where that can reach 2^128 is there anything to look for.
      if (q.e[i0 + i] + kv.k_exponent_max > 60) require_finite(w, n, absmax_bits(w, n), where, i0 + i);
      const float m = largest(w, n);
      row_max[i0 + i] = m;
      inverse_sum[i0 + i] = 1.0f / rn(static_cast<double>(exponentials(w, n, m)), 0x1p-30);
      const std::uint32_t absmax = fold_row(w, kv.v_fold, n, b.folded);
      quantize_row(b.left, i, b.folded, n, absmax, padded(keys), where, i0 + i);
    }
    product(b.left, 0, rows, kv.v_columns, kv.head_size, keys, Scales{}, [&](int i, int c0, int n, const float* v) {
      const float inverse = inverse_sum[i0 + i];
      float* to = o + (i0 + i) * ldo + c0;
      for (int c = 0; c < n; ++c) to[c] = v[c] * inverse;
    });
  }
}

QueryHead prepare_query_head(const Rows16& q, const float* d_o, const float* o, std::size_t ld, int tokens, int head_size,
                             const float* row_max, const float* inverse_sum, float scale, Arena& arena, const Where& where) {
  QueryHead head{};
  head.q = left_of(q, tokens, head_size, arena);
  head.d_o = left_rows(d_o, ld, tokens, head_size, arena, where);
  const Rows16& d_o16 = head.d_o.rows;
  head.q_columns = transposed(q, tokens, head_size, arena);
  head.o_columns = transposed(d_o16, tokens, head_size, arena);
  head.q_fold = folds(q, tokens, arena);
  head.o_fold = folds(d_o16, tokens, arena);
  head.D = arena.get<float>(tokens);
  head.row_max = row_max;
  head.inverse_sum = inverse_sum;
  head.scale = scale;
  Arena::Mark mark(arena);
  std::int16_t* o16 = arena.get<std::int16_t>(padded(head_size));
  for (int i = 0; i < tokens; ++i) {
    const int e = row16(o + i * ld, head_size, o16, where, i);
    const std::int64_t sum = dot_mantissas(d_o16.row(i), o16, padded(head_size));
    head.D[i] = rn(static_cast<double>(sum), pow2d(d_o16.e[i] + e));
  }
  return head;
}

void attention_backward(const KeyValue& kv, const QueryHead& head, float* dq, std::size_t ld, float* dk, float* dv,
                        std::size_t ldkv, bool add, Arena& arena, const Where& where) {
  Arena::Mark mark(arena);
  const int T = kv.tokens;
  const std::size_t side = row_distance(T), stripe = row_distance(std::min(T, kKeyStripe));
  float* ds = arena.get<float>(side * T);
  float* p = arena.get<float>(stripe * T);
  for (int j0 = 0; j0 < T; j0 += kKeyStripe) {
    stripe_gradients(kv, head, j0, std::min(T, j0 + kKeyStripe), p, stripe, ds + j0 * (side + 1), side, dk, dv, ldkv, add, arena, where);
  }
  const Weights b = take_weights(T, arena);
  for (int i0 = 0; i0 < T; i0 += kQueryTile) {
    query_gradient(kv, b, i0, std::min(T, i0 + kQueryTile), ds + i0 * side, side, dq, ld, where);
  }
}

void attention_backward_queries(const KeyValue& kv, const QueryHead& head, int first, int last, float* dq, std::size_t ld,
                                Arena& arena, const Where& where) {
  Arena::Mark mark(arena);
  const std::size_t side = row_distance(last);
  float* p = arena.get<float>(kQueryTile * side);
  float* ds = arena.get<float>(kQueryTile * side);
  const Weights b = take_weights(last, arena);
  for (int i0 = first; i0 < last; i0 += kQueryTile) {
    const int i1 = std::min(last, i0 + kQueryTile);
    probabilities(kv, head, i0, i1, 0, last, p, side, ds, side, nullptr);
    query_gradient(kv, b, i0, i1, ds, side, dq, ld, where);
  }
}

void attention_backward_keys(const KeyValue& kv, const QueryHead& head, int first, int last, float* dk, float* dv,
                             std::size_t ldkv, bool add, Arena& arena, const Where& where) {
  Arena::Mark mark(arena);
  const std::size_t stripe = row_distance(std::min(last - first, kKeyStripe));
  float* p = arena.get<float>((kv.tokens - first) * stripe);
  float* ds = arena.get<float>((kv.tokens - first) * stripe);
  for (int j0 = first; j0 < last; j0 += kKeyStripe) {
    stripe_gradients(kv, head, j0, std::min(last, j0 + kKeyStripe), p, stripe, ds, stripe, dk, dv, ldkv, add, arena, where);
  }
}

}  // namespace r3mes::cpu

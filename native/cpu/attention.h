// Causal attention of one sequence (docs/arithmetic.md §2.4, §3.5). Nothing of size T × T outlives a task: the backward
// pass computes the weights again from m_i and 1/L_i.
#pragma once

#include <cstdint>

#include "arena.h"
#include "failure.h"
#include "quantize.h"

namespace r3mes::cpu {

/** Up to this many tokens one task can compute the whole backward pass of a head: it keeps dS, 4 · T² bytes. */
constexpr int kWholeSquare = 4096;

/** Keys whose gradients are made together. */
constexpr int kKeyStripe = 64;

/** Keys and values of one KV head in the forms that products take; made once for all of its query heads. */
struct KeyValue {
  int tokens;
  int head_size;
  Panels k_rows;            // terms d, columns the tokens
  Panels v_rows;            // the same; backward only
  Panels k_columns;         // terms the tokens, columns d; backward only
  Panels v_columns;         // the same; forward only
  Scales k_scales;          // 2^e of every token
  Scales v_scales;          // backward only
  float* k_fold;            // 2^e of every token
  float* v_fold;
  int k_exponent_max;
};

KeyValue prepare_forward(const Rows16& k, const Rows16& v, int tokens, int head_size, Arena& arena);
KeyValue prepare_backward(const Rows16& k, const Rows16& v, int tokens, int head_size, Arena& arena);

/**
 * Queries [first, last) of one head.
 * Out: o [T, ldo], the head's columns; row_max, inverse_sum [T].
 */
void attention_forward(const KeyValue& kv, const Rows16& q, int first, int last, float scale, float* o, std::size_t ldo,
                       float* row_max, float* inverse_sum, Arena& arena, const Where& where);

/** One query head in the backward pass. */
struct QueryHead {
  Left q;                  // [T] rows of the head's size
  Left d_o;                // row16 of the gradient of o
  Left q_columns;          // their transposes: [d] rows along the tokens, without exponents
  Left o_columns;
  float* q_fold;
  float* o_fold;
  float* D;                // dot(dO_i, o_i)
  const float* row_max;
  const float* inverse_sum;
  float scale;
};

/** d_o, o: [T, ld], the head's columns. */
QueryHead prepare_query_head(const Rows16& q, const float* d_o, const float* o, std::size_t ld, int tokens, int head_size,
                             const float* row_max, const float* inverse_sum, float scale, Arena& arena, const Where& where);

/** dq [T, ld] of all queries, dk and dv [T, ldkv] of all keys, added where `add`. For T ≤ kWholeSquare. */
void attention_backward(const KeyValue& kv, const QueryHead& head, float* dq, std::size_t ld, float* dk, float* dv,
                        std::size_t ldkv, bool add, Arena& arena, const Where& where);

/** The same in two parts that may run at the same time, for any T; the weights are computed once for each. */
void attention_backward_queries(const KeyValue& kv, const QueryHead& head, int first, int last, float* dq, std::size_t ld,
                                Arena& arena, const Where& where);
void attention_backward_keys(const KeyValue& kv, const QueryHead& head, int first, int last, float* dk, float* dv,
                             std::size_t ldkv, bool add, Arena& arena, const Where& where);

}  // namespace r3mes::cpu

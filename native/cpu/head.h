// LM head, loss and their gradient (docs/arithmetic.md §2.6, §2.7, §3.1).
#pragma once

#include <cstdint>
#include <vector>

#include "arena.h"
#include "bits.h"
#include "failure.h"
#include "memory.h"
#include "quantize.h"

namespace r3mes::cpu {

/** The output embedding as row16, and the same mantissas transposed. */
struct HeadWeights {
  int vocab = 0;
  int hidden = 0;
  std::vector<std::int16_t, LargeAllocator<std::int16_t>> rows;     // panels: terms hidden, columns the vocabulary
  std::vector<std::int32_t> e;        // [vocab]
  std::vector<float> pow;             // 2^e, 1 for a row of zeros
  std::vector<float> fold;            // 2^e
  std::vector<std::int16_t, LargeAllocator<std::int16_t>> columns;  // panels: terms the vocabulary, columns hidden
  int exponent_least = 0;
  int exponent_most = 0;
  const std::uint16_t* bf16 = nullptr;  // [vocab, hidden] where the embedding is this matrix in bf16; the embedding's memory

  Panels row_panels() const { return Panels{const_cast<std::int16_t*>(rows.data()), padded(hidden)}; }
  Panels column_panels() const { return Panels{const_cast<std::int16_t*>(columns.data()), padded(vocab)}; }
  Scales scales() const { return Scales{e.data(), pow.data(), exponent_least, exponent_most}; }
};

/** `row(v, out)` writes row v of the embedding as floats. */
template <class Row>
HeadWeights make_head(int vocab, int hidden, const Where& where, Row row);

/** logits [rows, vocab] of n [rows, hidden] (after the final norm). */
void head_logits(const HeadWeights& head, const float* n, int rows, float* logits, Arena& arena, const Where& where);

/**
 * Columns [first, end) of them, from the row16 of n; `first` is a multiple of kLanes. For one row the time is that of reading the
 * weights: it takes them from the embedding where that is shorter than panels.
 */
void head_columns(const HeadWeights& head, const Left& n16, int rows, int first, int end, float* logits, Arena& arena);

/** Throws NOT_FINITE for a logit beyond binary32. */
void require_finite_logits(const HeadWeights& head, const Rows16& n16, int rows, const float* logits, const Where& where);

/** Largest loss of one token that the fixed point holds, in nats. */
constexpr float kLossLimit = 4194304.0f;

/**
 * Loss of each row in units of 2^-20, with the label of each row.
 * In, out: logits become the weights exp(logit − m).
 * Out: losses [rows]; inverse_sum [rows] = 1 ÷ rn(Σ fix30(w), −30).
 */
void head_loss(float* logits, int vocab, const std::int32_t* labels, int rows, std::int64_t* losses, float* inverse_sum,
               const Where& where);

/** dn [rows, hidden] from the weights; the logits' buffer is spent. inverse_labels = 1 ÷ number of labels of the job. */
void head_backward(const HeadWeights& head, float* weights, const std::int32_t* labels, const float* inverse_sum, int rows,
                   float inverse_labels, float* dn, Arena& arena, const Where& where);

template <class Row>
HeadWeights make_head(int vocab, int hidden, const Where& where, Row row) {
  HeadWeights head;
  head.vocab = vocab;
  head.hidden = hidden;
  head.rows.resize(panels_size(hidden, vocab));
  head.columns.resize(panels_size(vocab, hidden));
  head.e.resize(vocab);
  head.fold.resize(vocab);
  head.pow.resize(scales_size(vocab));
  Arena arena;
  std::vector<float> x(hidden);
  const Rows16 some = take_rows16(arena, kLanes, hidden);
  std::vector<char> zero(vocab);
  for (int v0 = 0; v0 < vocab; v0 += kLanes) {
    const int n = std::min(kLanes, vocab - v0);
    for (int i = 0; i < n; ++i) {
      const int v = v0 + i;
      row(v, x.data());
      head.e[v] = row16(x.data(), hidden, some.row(i), where, v);
      head.fold[v] = pow2f(head.e[v]);
      zero[v] = is_zero(some.row(i), hidden);
    }
    pack_rows(some.q, some.stride, n, hidden, Panels{head.row_panels().panel(v0 / kLanes), head.row_panels().terms});
    pack_columns_part(some.q, some.stride, hidden, n, head.column_panels(), v0);
  }
  const Scales scales = make_scales(head.e.data(), vocab, head.pow.data(), [&](int v) { return zero[v] != 0; });
  head.exponent_least = scales.least;
  head.exponent_most = scales.most;
  return head;
}

}  // namespace r3mes::cpu

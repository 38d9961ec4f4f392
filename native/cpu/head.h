// LM head, loss and their gradient (docs/arithmetic.md §2.6, §2.7, §3.1).
#pragma once

#include <cstdint>
#include <vector>

#include "arena.h"
#include "bits.h"
#include "failure.h"
#include "quantize.h"

namespace r3mes::cpu {

/** The output embedding as row16, and the same mantissas transposed. */
struct HeadWeights {
  int vocab = 0;
  int hidden = 0;
  std::vector<std::int16_t> rows;     // panels: terms hidden, columns the vocabulary
  std::vector<std::int32_t> e;        // [vocab]
  std::vector<double> pow;            // 2^e
  std::vector<float> fold;            // 2^e
  std::vector<std::int16_t> columns;  // panels: terms the vocabulary, columns hidden
  int exponent_max = 0;
};

/** `row(v, out)` writes row v of the embedding as floats. */
template <class Row>
HeadWeights make_head(int vocab, int hidden, const Where& where, Row row);

/** logits [rows, vocab] of n [rows, hidden] (after the final norm). */
void head_logits(const HeadWeights& head, const float* n, int rows, float* logits, Arena& arena, const Where& where);

/** Columns [first, end) of them, from the row16 of n; `first` is a multiple of kLanes. */
void head_columns(const HeadWeights& head, const Rows16& n16, int rows, int first, int end, float* logits);

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

/** Where term k of column c stands in panels. */
inline std::size_t panel_index(const Panels& panels, int k, int c) {
  return static_cast<std::size_t>(c / kLanes) * panels.terms * kLanes + (static_cast<std::size_t>(k / 2) * kLanes + c % kLanes) * 2 + k % 2;
}

template <class Row>
HeadWeights make_head(int vocab, int hidden, const Where& where, Row row) {
  HeadWeights head;
  head.vocab = vocab;
  head.hidden = hidden;
  const std::size_t stride = padded(hidden);
  const Panels rows{nullptr, padded(hidden)}, columns{nullptr, padded(vocab)};
  head.rows.resize(panels_size(hidden, vocab));
  head.columns.assign(panels_size(vocab, hidden), 0);
  head.e.resize(vocab);
  head.pow.resize(vocab);
  head.fold.resize(vocab);
  std::vector<float> x(hidden);
  std::vector<std::int16_t> mantissas(stride * kLanes);
  for (int v0 = 0; v0 < vocab; v0 += kLanes) {
    const int n = std::min(kLanes, vocab - v0);
    for (int i = 0; i < n; ++i) {
      const int v = v0 + i;
      row(v, x.data());
      std::int16_t* q = mantissas.data() + i * stride;
      head.e[v] = row16(x.data(), hidden, q, where, v);
      head.pow[v] = pow2d(head.e[v]);
      head.fold[v] = pow2f(head.e[v]);
      head.exponent_max = v == 0 || head.e[v] > head.exponent_max ? head.e[v] : head.exponent_max;
      for (int c = 0; c < hidden; ++c) head.columns[panel_index(columns, v, c)] = q[c];
    }
    pack_rows(mantissas.data(), stride, n, hidden, Panels{head.rows.data() + static_cast<std::size_t>(v0) * rows.terms, rows.terms});
  }
  return head;
}

}  // namespace r3mes::cpu

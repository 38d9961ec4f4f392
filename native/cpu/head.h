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
  std::vector<std::int16_t> rows;     // [vocab][padded(hidden)]
  std::vector<std::int32_t> e;        // [vocab]
  std::vector<double> pow;            // 2^e
  std::vector<float> fold;            // 2^e
  std::vector<std::int16_t> columns;  // [hidden][padded(vocab)]
  int exponent_max = 0;
};

/** `row(v, out)` writes row v of the embedding as floats. */
template <class Row>
HeadWeights make_head(int vocab, int hidden, const Where& where, Row row);

/** logits [rows, vocab] of n [rows, hidden] (after the final norm). */
void head_logits(const HeadWeights& head, const float* n, int rows, float* logits, Arena& arena, const Where& where);

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
  const std::size_t stride = padded(hidden), column_stride = padded(vocab);
  head.rows.resize(stride * vocab);
  head.e.resize(vocab);
  head.pow.resize(vocab);
  head.fold.resize(vocab);
  head.columns.assign(column_stride * hidden, 0);
  std::vector<float> x(hidden);
  for (int v = 0; v < vocab; ++v) {
    row(v, x.data());
    head.e[v] = row16(x.data(), hidden, head.rows.data() + v * stride, where, v);
    head.pow[v] = pow2d(head.e[v]);
    head.fold[v] = pow2f(head.e[v]);
    head.exponent_max = v == 0 || head.e[v] > head.exponent_max ? head.e[v] : head.exponent_max;
  }
  constexpr int kBlock = 32;
  for (int v0 = 0; v0 < vocab; v0 += kBlock) {
    const int end = vocab - v0 < kBlock ? vocab : v0 + kBlock;
    for (int c = 0; c < hidden; ++c) {
      for (int v = v0; v < end; ++v) head.columns[c * column_stride + v] = head.rows[v * stride + c];
    }
  }
  return head;
}

}  // namespace r3mes::cpu

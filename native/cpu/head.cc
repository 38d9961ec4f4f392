#include "head.h"

#include <algorithm>
#include <string>

#include "bits.h"
#include "elementary.h"
#include "product.h"

namespace r3mes::cpu {

#ifdef R3MES_BF16_SUMS

namespace {

/** Logits of one row from the embedding itself. */
void bf16_columns(const HeadWeights& head, const Rows16& n16, int first, int end, float* logits, Arena& arena) {
  constexpr int kRows = 64, kVector = 32;
  Arena::Mark mark(arena);
  const int hidden = head.hidden, room = (hidden + kVector - 1) / kVector * kVector;
  std::int16_t* hi = arena.get<std::int16_t>(room);
  std::int16_t* lo = arena.get<std::int16_t>(room);
  for (int k = 0; k < room; ++k) {
    const std::int16_t q = k < hidden ? n16.q[k] : 0;
    hi[k] = static_cast<std::int16_t>(static_cast<std::int16_t>(q + 128) >> 8);
    lo[k] = static_cast<std::int16_t>(q - hi[k] * 256);
  }
  float scale[kRows];
  std::int64_t sums[kRows];
  for (int v0 = first; v0 < end; v0 += kRows) {
    const int rows = std::min(kRows, end - v0);
    for (int v = 0; v < rows; ++v) scale[v] = pow2f(-head.e[v0 + v]);
    bf16_sums(head.bf16 + static_cast<std::size_t>(v0) * hidden, hidden, rows, scale, hi, lo, sums);
    for (int v = 0; v < rows; ++v) logits[v0 + v] = rn(static_cast<double>(sums[v]), pow2d(n16.e[0] + head.e[v0 + v]));
  }
}

}  // namespace

#endif

void head_columns(const HeadWeights& head, const Left& n16, int rows, int first, int end, float* logits, [[maybe_unused]] Arena& arena) {
#ifdef R3MES_BF16_SUMS
  if (rows == 1 && head.bf16 != nullptr) return bf16_columns(head, n16.rows, first, std::min(end, head.vocab), logits, arena);
#endif
  const std::size_t vocab = head.vocab;
  const Panels all = head.row_panels();
  product(n16, 0, rows, Panels{all.panel(first / kLanes), all.terms}, std::min(end, head.vocab) - first, head.hidden, head.scales().from(first),
          [&](int i, int v0, int n, const float* v) { std::copy(v, v + n, logits + i * vocab + first + v0); });
}

void require_finite_logits(const HeadWeights& head, const Rows16& n16, int rows, const float* logits, const Where& where) {
  const std::size_t vocab = head.vocab;
  for (int i = 0; i < rows; ++i) {
    // |logit| < 2^(30 + e + e) · hidden: only where that can reach 2^128 is there anything to look for.
    if (n16.e[i] + head.exponent_most <= 60 || absmax_bits(logits + i * vocab, head.vocab) < kInfinityBits) continue;
    for (int v = 0; v < head.vocab; ++v) {
      const float value = logits[i * vocab + v];
      if ((bits_of(value) & kAbsMask) >= kInfinityBits) not_finite(Where{"logits", -1, where.sequence, where.row}, i, v, value);
    }
  }
}

void head_logits(const HeadWeights& head, const float* n, int rows, float* logits, Arena& arena, const Where& where) {
  Arena::Mark mark(arena);
  const Left n16 = left_rows(n, head.hidden, rows, head.hidden, arena, where);
  head_columns(head, n16, rows, 0, head.vocab, logits, arena);
  require_finite_logits(head, n16.rows, rows, logits, where);
}

void head_loss(float* logits, int vocab, const std::int32_t* labels, int rows, std::int64_t* losses, float* inverse_sum,
               const Where& where) {
  for (int i = 0; i < rows; ++i) {
    float* __restrict w = logits + static_cast<std::size_t>(i) * vocab;
    const float label = w[labels[i]];
    const float m = largest(w, vocab);
    const float total = rn(static_cast<double>(exponentials(w, vocab, m)), 0x1p-30);
    inverse_sum[i] = 1.0f / total;
    const float loss = (m - label) + log_from_one(total);
    if (!(loss < kLossLimit)) {
      throw Failure(R3MES_OVERFLOW, "the loss of sequence " + std::to_string(where.sequence) + ", token " +
                                        std::to_string(where.row + i) + " is " + std::to_string(loss) +
                                        " nats, expected less than 2^22");
    }
    losses[i] = static_cast<std::int64_t>(rne_double(static_cast<double>(loss) * 1048576.0));
  }
}

void head_backward(const HeadWeights& head, float* weights, const std::int32_t* labels, const float* inverse_sum, int rows,
                   float inverse_labels, float* dn, Arena& arena, const Where& where) {
  Arena::Mark mark(arena);
  const int hidden = head.hidden;
  const Panels embedding = head.row_panels();
  const Left b = take_left(take_rows16(arena, rows, head.vocab), rows, arena);
  for (int i = 0; i < rows; ++i) {
    float* __restrict w = weights + static_cast<std::size_t>(i) * head.vocab;
    const std::uint32_t absmax = fold_row(w, head.fold.data(), head.vocab, w);
    quantize_row(b, i, w, head.vocab, absmax, padded(head.vocab), where, i);
  }
  product(b, 0, rows, head.column_panels(), hidden, head.vocab, Scales{}, [&](int i, int c0, int n, const float* v) {
    const float own_pow = head.fold[labels[i]];
    float own[kStoreColumns];
    for (int c = 0; c < n; ++c) own[c] = static_cast<float>(embedding.get(labels[i], c0 + c));
    float* to = dn + static_cast<std::size_t>(i) * hidden + c0;
    for (int c = 0; c < n; ++c) to[c] = (v[c] * inverse_sum[i] - own[c] * own_pow) * inverse_labels;
  });
}

}  // namespace r3mes::cpu

// The row kernels of attention and of the loss (docs/arithmetic.md §2.4, §2.7, §3.1, §3.5). Matrices [queries, keys] are causal:
// computed and filled with zeros up to the tile of the diagonal, not touched behind it.
#pragma once

#include "data.h"

namespace r3mes::cuda {

/** First column behind the diagonal's tile of row i. */
R3MES_HD int causal_end(int i, int columns) {
  const int end = (i / kCausalTile + 1) * kCausalTile;
  return end < columns ? end : columns;
}

/** Scores of row i of matrix z become weights: max, exp, sum, folded with the exponents of the values, row16. */
struct Softmax {
  static constexpr int kThreads = kRowThreads;
  static constexpr const char* kName = "r3mes_softmax";

  struct Args {
    float* scores;            // [z][tokens][tokens]; become exp(s − m)
    std::int32_t tokens;
    std::int32_t group;       // matrices that share keys and values
    std::int64_t first;       // head of matrix 0: z + first counts [sequence][head]
    const std::int32_t* fold; // [(z + first) / group][tokens]
    float* row_max;           // [z + first][tokens]
    float* inverse_sum;
    Planes out;               // [z][tokens]
    Refusals refusals;
  };

  struct Shared {
    std::uint32_t largest[kThreads / kWarp];
    std::int64_t sums[kThreads / kWarp];
  };

  template <class B>
  static R3MES_HD void run(B& block, Shared& shared, const Args& a) {
    const int i = block.x(), n = i + 1;
    const std::int64_t z = block.y(), head = z + a.first, row = z * a.tokens + i;
    float* w = a.scores + row * a.tokens;
    const std::int32_t* fold = a.fold + head / a.group * a.tokens;
    typename B::template Local<std::uint32_t> largest;
    typename B::template Local<std::int64_t> sums;
    block.alone([&](int t) {
      std::uint32_t most = 0;
      for (int j = t; j < n; j += kThreads) {
        a.refusals.check(w[j], head * a.tokens + i, j);
        if (ordered(w[j]) > most) most = ordered(w[j]);
      }
      largest[t] = most;
    });
    block.template group_max<kThreads>(largest, shared.largest);
    block.alone([&](int t) {
      const float m = from_ordered(largest[t]);
      if (t == 0) a.row_max[head * a.tokens + i] = m;
      std::int64_t sum = 0;
      std::uint32_t most = 0;
      for (int j = t; j < n; j += kThreads) {
        const float weight = exp_nonpositive(w[j] - m);
        w[j] = weight;
        sum += fix30(weight);
        const std::uint32_t magnitude = magnitude_bits(weight * pow2f(fold[j]));
        if (magnitude > most) most = magnitude;
      }
      sums[t] = sum;
      largest[t] = most;
    });
    block.template group_sum<kThreads>(sums, shared.sums);
    block.template group_max<kThreads>(largest, shared.largest);
    block.alone([&](int t) {
      const int e = row16_exponent(largest[t]);
      const float scale = pow2f(-e);
      if (t == 0) {
        a.inverse_sum[head * a.tokens + i] = 1.0f / rn(sums[t], -30);
        a.out.e[row] = e;
      }
      const int end = causal_end(i, static_cast<int>(a.out.ld));
      for (int j = t; j < end; j += kThreads) a.out.set(row, j, j < n ? rne_int((w[j] * pow2f(fold[j])) * scale) : 0);
    });
  }
};

/** p and dS of row i of matrix z, in the place of scores and dP; and row16 of dS folded with the exponents of the keys. */
struct Probabilities {
  static constexpr int kThreads = kRowThreads;
  static constexpr const char* kName = "r3mes_probabilities";

  struct Args {
    float* p;                 // [z][tokens][tokens]: scores
    float* ds;                // [z][tokens][tokens]: dP
    std::int32_t tokens;
    std::int32_t group;       // query heads of a KV head
    std::int64_t first;       // KV head of matrix 0
    std::int32_t member;      // which of its query heads
    float scale;
    const std::int32_t* fold; // [KV head][tokens]
    const float* row_max;     // [query head][tokens]
    const float* inverse_sum;
    const float* D;           // [query head][tokens]
    Planes out;               // [z][tokens]
    Refusals refusals;
  };

  struct Shared {
    std::uint32_t largest[kThreads / kWarp];
  };

  template <class B>
  static R3MES_HD void run(B& block, Shared& shared, const Args& a) {
    const int i = block.x(), n = i + 1, end = causal_end(i, a.tokens);
    const std::int64_t z = block.y(), kv_head = z + a.first, at = (kv_head * a.group + a.member) * a.tokens + i, row = z * a.tokens + i;
    float* p = a.p + row * a.tokens;
    float* ds = a.ds + row * a.tokens;
    const std::int32_t* fold = a.fold + kv_head * a.tokens;
    const float m = a.row_max[at], inverse = a.inverse_sum[at], D = a.D[at];
    typename B::template Local<std::uint32_t> largest;
    block.alone([&](int t) {
      std::uint32_t most = 0;
      for (int j = t; j < end; j += kThreads) {
        const float weight = j < n ? exp_nonpositive(p[j] - m) * inverse : 0.0f;
        const float gradient = j < n ? (weight * (ds[j] - D)) * a.scale : 0.0f;
        p[j] = weight;
        ds[j] = gradient;
        const std::uint32_t magnitude = j < n ? magnitude_bits(gradient * pow2f(fold[j])) : 0u;
        if (magnitude >= kInfinityBits) a.refusals.tell(at, j);
        if (magnitude > most) most = magnitude;
      }
      largest[t] = most;
    });
    block.template group_max<kThreads>(largest, shared.largest);
    block.alone([&](int t) {
      const int e = row16_exponent(largest[t]);
      const float scale = pow2f(-e);
      if (t == 0) a.out.e[row] = e;
      const int stop = causal_end(i, static_cast<int>(a.out.ld));
      for (int j = t; j < stop; j += kThreads) a.out.set(row, j, j < n ? rne_int((ds[j] * pow2f(fold[j])) * scale) : 0);
    });
  }
};

/** row16 of a head's part of the gradient of attention's output, and D = dot with the output. A warp takes one head of one token. */
struct OutputGradients {
  static constexpr int kThreads = kRowThreads, kRows = kThreads / kWarp;
  static constexpr const char* kName = "r3mes_output_gradients";

  struct Args {
    const float* d_o;         // [sequence · token][heads · size]
    const float* o;
    std::int32_t sequences, tokens, heads, size;
    Planes out;               // [sequence][head][token]
    float* D;
    Refusals refusals;
  };

  struct Shared {
    std::uint32_t largest[kThreads / kWarp];
    std::int64_t sums[kThreads / kWarp];
  };

  template <class B>
  static R3MES_HD void run(B& block, Shared& shared, const Args& a) {
    const std::int64_t rows = static_cast<std::int64_t>(a.sequences) * a.tokens * a.heads, first = static_cast<std::int64_t>(block.x()) * kRows;
    typename B::template Local<std::uint32_t> largest, largest_o;
    typename B::template Local<std::int64_t> sums;
    block.alone([&](int t) {
      const std::int64_t i = first + t / kWarp;
      std::uint32_t most = 0, most_o = 0;
      for (int c = t % kWarp; i < rows && c < a.size; c += kWarp) {
        const std::uint32_t m = magnitude_bits(a.d_o[i * a.size + c]), m_o = magnitude_bits(a.o[i * a.size + c]);
        if (m >= kInfinityBits || m_o >= kInfinityBits) a.refusals.tell(i / a.heads, i % a.heads * a.size + c);
        if (m > most) most = m;
        if (m_o > most_o) most_o = m_o;
      }
      largest[t] = most;
      largest_o[t] = most_o;
    });
    block.template group_max<kWarp>(largest, shared.largest);
    block.template group_max<kWarp>(largest_o, shared.largest);
    block.alone([&](int t) {
      const std::int64_t i = first + t / kWarp, row = i / a.heads;
      sums[t] = 0;
      if (i >= rows) return;
      const std::int64_t out = (row / a.tokens * a.heads + i % a.heads) * a.tokens + row % a.tokens;
      const float scale = pow2f(-row16_exponent(largest[t])), scale_o = pow2f(-row16_exponent(largest_o[t]));
      std::int64_t sum = 0;
      for (int c = t % kWarp; c < a.out.ld; c += kWarp) {
        const std::int32_t q = c < a.size ? static_cast<std::int16_t>(rne_int(a.d_o[i * a.size + c] * scale)) : 0;
        const std::int32_t q_o = c < a.size ? static_cast<std::int16_t>(rne_int(a.o[i * a.size + c] * scale_o)) : 0;
        a.out.set(out, c, q);
        sum += static_cast<std::int64_t>(q) * q_o;
      }
      sums[t] = sum;
    });
    block.template group_sum<kWarp>(sums, shared.sums);
    block.alone([&](int t) {
      const std::int64_t i = first + t / kWarp, row = i / a.heads;
      if (i >= rows || t % kWarp != 0) return;
      const std::int64_t out = (row / a.tokens * a.heads + i % a.heads) * a.tokens + row % a.tokens;
      const int e = row16_exponent(largest[t]);
      a.out.e[out] = e;
      a.D[out] = rn(sums[t], e + row16_exponent(largest_o[t]));
    });
  }
};

/** Largest loss of one token that the fixed point holds, in nats. */
constexpr float kLossLimit = 4194304.0f;

/** A row of logits: loss, 1 ÷ Σ, and the weights folded with the exponents of the embedding's rows as row16. */
struct HeadLoss {
  static constexpr int kThreads = kRowThreads;
  static constexpr const char* kName = "r3mes_head_loss";

  struct Args {
    float* logits;             // [row][vocab]; become the weights
    std::int32_t vocab;
    const std::int32_t* labels;
    std::int64_t* losses;      // units of 2^-20
    float* inverse_sum;
    const std::int32_t* fold;  // exponents of the embedding; null where no gradient is wanted
    Planes out;
    std::int64_t first;        // row 0 of a refusal
    Refusals logits_refused, loss_refused;
  };

  struct Shared {
    std::uint32_t largest[kThreads / kWarp];
    std::int64_t sums[kThreads / kWarp];
  };

  template <class B>
  static R3MES_HD void run(B& block, Shared& shared, const Args& a) {
    const std::int64_t row = block.x();
    float* w = a.logits + row * a.vocab;
    typename B::template Local<std::uint32_t> largest;
    typename B::template Local<std::int64_t> sums;
    typename B::template Local<float> label;
    block.each([&](int t) {
      std::uint32_t most = 0;
      for (int v = t; v < a.vocab; v += kThreads) {
        a.logits_refused.check(w[v], a.first + row, v);
        if (ordered(w[v]) > most) most = ordered(w[v]);
      }
      largest[t] = most;
      label[t] = w[a.labels[row]];
    });
    block.template group_max<kThreads>(largest, shared.largest);
    typename B::template Local<float> m;
    block.alone([&](int t) {
      m[t] = from_ordered(largest[t]);
      std::int64_t sum = 0;
      std::uint32_t most = 0;
      for (int v = t; v < a.vocab; v += kThreads) {
        const float weight = exp_nonpositive(w[v] - m[t]);
        sum += fix30(weight);
        const float folded = a.fold == nullptr ? weight : weight * pow2f(a.fold[v]);
        w[v] = folded;
        if (magnitude_bits(folded) > most) most = magnitude_bits(folded);
      }
      sums[t] = sum;
      largest[t] = most;
    });
    block.template group_sum<kThreads>(sums, shared.sums);
    block.template group_max<kThreads>(largest, shared.largest);
    block.alone([&](int t) {
      const int e = row16_exponent(largest[t]);
      const float scale = pow2f(-e);
      if (t == 0) {
        const float total = rn(sums[t], -30);
        a.inverse_sum[row] = 1.0f / total;
        const float loss = (m[t] - label[t]) + log_from_one(total);
        const bool held = loss < kLossLimit;
        if (!held) a.loss_refused.tell(a.first + row, 0);
        a.losses[row] = held ? static_cast<std::int64_t>(rne_double(static_cast<double>(loss) * 1048576.0)) : 0;
        if (a.fold != nullptr) a.out.e[row] = e;
      }
      for (std::int64_t v = t; a.fold != nullptr && v < a.out.ld; v += kThreads) {
        a.out.set(row, v, v < a.vocab ? rne_int(w[v] * scale) : 0);
      }
    });
  }
};

/** Refuses what is not finite. */
struct RequireFinite {
  static constexpr int kThreads = kRowThreads;
  static constexpr const char* kName = "r3mes_require_finite";

  struct Args {
    const float* x;
    std::int64_t rows, n, first;
    Refusals refusals;
  };

  struct Shared {};

  template <class B>
  static R3MES_HD void run(B& block, Shared&, const Args& a) {
    block.alone([&](int t) {
      const std::int64_t i = static_cast<std::int64_t>(block.x()) * kThreads + t;
      if (i < a.rows * a.n) a.refusals.check(a.x[i], a.first + i / a.n, i % a.n);
    });
  }
};

}  // namespace r3mes::cuda

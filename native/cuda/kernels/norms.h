// RMSNorm forward and backward, embedding, rotary embedding and sums of rows (docs/arithmetic.md §2.1, §2.2, §2.4, §3.2, §3.5).
#pragma once

#include "data.h"

namespace r3mes::cuda {

/** x[r] = the embedding of token r. */
struct Embed {
  static constexpr int kThreads = kRowThreads;
  static constexpr const char* kName = "r3mes_embed";

  struct Args {
    RawMatrix embedding;
    const std::int32_t* tokens;
    float* x;
    std::int32_t width;
  };

  struct Shared {};

  template <class B>
  static R3MES_HD void run(B& block, Shared&, const Args& a) {
    block.alone([&](int t) {
      const std::int64_t row = block.x(), from = static_cast<std::int64_t>(a.tokens[row]) * a.width;
      for (int c = t; c < a.width; c += kThreads) a.x[row * a.width + c] = a.embedding.at(from + c);
    });
  }
};

/** sum = a + b. */
struct AddRows {
  static constexpr int kThreads = kRowThreads;
  static constexpr const char* kName = "r3mes_add";

  struct Args {
    const float* a;
    const float* b;
    float* sum;
    std::int64_t n;
  };

  struct Shared {};

  template <class B>
  static R3MES_HD void run(B& block, Shared&, const Args& a) {
    block.alone([&](int t) {
      const std::int64_t i = static_cast<std::int64_t>(block.x()) * kThreads + t;
      if (i < a.n) a.sum[i] = a.a[i] + a.b[i];
    });
  }
};

/**
 * RMSNorm of a row and what the linear layers take of it: act8 with its dequantScale, and row16. Any output may be null.
 * Three refusals: `input` and, right behind it, `output`; and `gate` before both where the source is gated.
 */
struct NormForward {
  static constexpr int kThreads = kRowThreads;
  static constexpr const char* kName = "r3mes_norm";

  struct Args {
    RowSource source;
    TokenRows rows;          // which rows of the source
    const float* w;
    std::int32_t n;
    float epsilon;
    float* rstd;             // [row of the source]
    std::int8_t* act8;       // [output row][ld]
    float* dequant_scale;
    Planes row16;
    std::int64_t ld;
    Refusals gate, input, output;
  };

  struct Shared {
    std::uint32_t largest[kThreads / kWarp];
    std::int64_t sums[kThreads / kWarp];
  };

  template <class B>
  static R3MES_HD void run(B& block, Shared& shared, const Args& a) {
    const std::int64_t out = block.x(), row = a.rows.row(out), from = row * a.n;
    typename B::template Local<std::uint32_t> largest;
    typename B::template Local<std::int64_t> squares;
    block.alone([&](int t) {
      std::uint32_t most = 0;
      for (int c = t; c < a.n; c += kThreads) {
        // max(x, 0) would turn −infinity and NaN into a zero that nothing later notices.
        if (a.source.up != nullptr) a.gate.check(a.source.x[from + c], row, c);
        const std::uint32_t m = magnitude_bits(a.source.at(from + c));
        if (m >= kInfinityBits) a.input.tell(row, c);
        if (m > most) most = m;
      }
      largest[t] = most;
    });
    block.template group_max<kThreads>(largest, shared.largest);
    block.alone([&](int t) {
      const float scale = pow2f(-row16_exponent(largest[t]));
      std::int64_t sum = 0;
      for (int c = t; c < a.n; c += kThreads) {
        const std::int64_t q = static_cast<std::int16_t>(rne_int(a.source.at(from + c) * scale));
        sum += q * q;
      }
      squares[t] = sum;
    });
    block.template group_sum<kThreads>(squares, shared.sums);
    typename B::template Local<float> rstd;
    block.alone([&](int t) {
      const float v = rn(squares[t], 2 * row16_exponent(largest[t])) / static_cast<float>(a.n) + a.epsilon;
      if (t == 0) a.input.check(v, row, 0);
      rstd[t] = 1.0f / sqrtf(v);
      if (t == 0 && a.rstd != nullptr) a.rstd[row] = rstd[t];
      std::uint32_t most = 0;
      for (int c = t; c < a.n; c += kThreads) {
        const std::uint32_t m = magnitude_bits((a.source.at(from + c) * rstd[t]) * a.w[c]);
        if (m >= kInfinityBits) a.output.tell(row, c);
        if (m > most) most = m;
      }
      largest[t] = most;
    });
    block.template group_max<kThreads>(largest, shared.largest);
    block.alone([&](int t) {
      const int e = row16_exponent(largest[t]);
      const float scale16 = pow2f(-e), scale8 = act8_scale(largest[t]);
      if (t == 0) {
        if (a.row16.e != nullptr) a.row16.e[out] = e;
        if (a.act8 != nullptr) a.dequant_scale[out] = 1.0f / scale8;
      }
      for (int c = t; c < a.ld; c += kThreads) {
        const float y = c < a.n ? (a.source.at(from + c) * rstd[t]) * a.w[c] : 0.0f;
        // |y · s| ≤ 127·(1 + 2^-23): the clamp of the definition can never change a value.
        if (a.act8 != nullptr) a.act8[out * a.ld + c] = static_cast<std::int8_t>(rne_int(y * scale8));
        if (a.row16.e != nullptr) a.row16.set(out, c, rne_int(y * scale16));
      }
    });
  }
};

/** y = (x × rstd) × w with a rstd that is known. */
struct NormScale {
  static constexpr int kThreads = kRowThreads;
  static constexpr const char* kName = "r3mes_norm_scale";

  struct Args {
    RowSource source;
    const float* w;
    const float* rstd;
    float* y;
    std::int32_t n;
  };

  struct Shared {};

  template <class B>
  static R3MES_HD void run(B& block, Shared&, const Args& a) {
    block.alone([&](int t) {
      const std::int64_t row = block.x();
      for (int c = t; c < a.n; c += kThreads) a.y[row * a.n + c] = (a.source.at(row * a.n + c) * a.rstd[row]) * a.w[c];
    });
  }
};

/** The gradient of RMSNorm's input, and what comes right after it. `dy` has a row a block, the rest the rows of the source. */
struct NormBackward {
  static constexpr int kThreads = kRowThreads;
  static constexpr const char* kName = "r3mes_norm_backward";

  struct Args {
    const float* dy;
    RowSource source;
    TokenRows rows;
    const float* w;
    const float* rstd;
    std::int32_t n;
    const float* add;        // dx = add + gradient; null: dx = gradient
    float* dx;
    float* d_gate;           // for a gated source, instead of dx
    float* d_up;
    Refusals refusals;
  };

  struct Shared {
    std::uint32_t largest[kThreads / kWarp];
    std::int64_t sums[kThreads / kWarp];
  };

  template <class B>
  static R3MES_HD void run(B& block, Shared& shared, const Args& a) {
    const std::int64_t in = static_cast<std::int64_t>(block.x()) * a.n, row = a.rows.row(block.x()), from = row * a.n;
    typename B::template Local<std::uint32_t> largest_g, largest_h;
    typename B::template Local<std::int64_t> sums;
    const float rstd = a.rstd[row];
    block.alone([&](int t) {
      std::uint32_t most_g = 0, most_h = 0;
      for (int c = t; c < a.n; c += kThreads) {
        const std::uint32_t g = magnitude_bits(a.dy[in + c] * a.w[c]), h = magnitude_bits(a.source.at(from + c) * rstd);
        if (g >= kInfinityBits || h >= kInfinityBits) a.refusals.tell(row, c);
        if (g > most_g) most_g = g;
        if (h > most_h) most_h = h;
      }
      largest_g[t] = most_g;
      largest_h[t] = most_h;
    });
    block.template group_max<kThreads>(largest_g, shared.largest);
    block.template group_max<kThreads>(largest_h, shared.largest);
    block.alone([&](int t) {
      const float scale_g = pow2f(-row16_exponent(largest_g[t])), scale_h = pow2f(-row16_exponent(largest_h[t]));
      std::int64_t sum = 0;
      for (int c = t; c < a.n; c += kThreads) {
        const std::int64_t g = static_cast<std::int16_t>(rne_int((a.dy[in + c] * a.w[c]) * scale_g));
        const std::int64_t h = static_cast<std::int16_t>(rne_int((a.source.at(from + c) * rstd) * scale_h));
        sum += g * h;
      }
      sums[t] = sum;
    });
    block.template group_sum<kThreads>(sums, shared.sums);
    block.alone([&](int t) {
      const float m = rn(sums[t], row16_exponent(largest_g[t]) + row16_exponent(largest_h[t])) / static_cast<float>(a.n);
      for (int c = t; c < a.n; c += kThreads) {
        const float dx = ((a.dy[in + c] * a.w[c]) - (a.source.at(from + c) * rstd) * m) * rstd;
        if (a.d_gate != nullptr) {
          const float p = a.source.x[from + c] > 0.0f ? a.source.x[from + c] : 0.0f;
          const float dp = dx * a.source.up[from + c];
          a.d_up[from + c] = dx * (p * p);
          a.d_gate[from + c] = dp * (p + p);
        } else {
          a.dx[from + c] = a.add == nullptr ? dx : a.add[from + c] + dx;
        }
      }
    });
  }
};

/** Rotates every head of y and makes its rows row16, ordered [sequence][head][token]. A warp takes one head of one token. */
struct RopeRow16 {
  static constexpr int kThreads = kRowThreads, kRows = kThreads / kWarp;
  static constexpr const char* kName = "r3mes_rope_row16";

  struct Args {
    const float* y;          // [sequence · token][heads · size]
    const float* cosine;     // [token][size / 2]; null: no rotation
    const float* sine;
    std::int32_t sequences, tokens, heads, size;
    Planes out;
    Refusals refusals;
  };

  struct Shared {
    std::uint32_t largest[kThreads / kWarp];
  };

  /** Element c of a head after the rotation. */
  static R3MES_HD float rotated(const Args& a, std::int64_t from, int token, int c) {
    if (a.cosine == nullptr) return a.y[from + c];
    const int half = a.size / 2, i = c < half ? c : c - half;
    const float cosine = a.cosine[static_cast<std::int64_t>(token) * half + i], sine = a.sine[static_cast<std::int64_t>(token) * half + i];
    const float x = a.y[from + i], partner = a.y[from + i + half];
    return c < half ? (x * cosine) - (partner * sine) : (partner * cosine) + (x * sine);
  }

  template <class B>
  static R3MES_HD void run(B& block, Shared& shared, const Args& a) {
    const std::int64_t rows = static_cast<std::int64_t>(a.sequences) * a.tokens * a.heads, first = static_cast<std::int64_t>(block.x()) * kRows;
    typename B::template Local<std::uint32_t> largest;
    block.alone([&](int t) {
      const std::int64_t i = first + t / kWarp, row = i / a.heads;
      std::uint32_t most = 0;
      for (int c = t % kWarp; i < rows && c < a.size; c += kWarp) {
        const std::uint32_t m = magnitude_bits(rotated(a, i * a.size, static_cast<int>(row % a.tokens), c));
        if (m >= kInfinityBits) a.refusals.tell(row, i % a.heads * a.size + c);
        if (m > most) most = m;
      }
      largest[t] = most;
    });
    block.template group_max<kWarp>(largest, shared.largest);
    block.alone([&](int t) {
      const std::int64_t i = first + t / kWarp, row = i / a.heads;
      if (i >= rows) return;
      const std::int64_t out = (row / a.tokens * a.heads + i % a.heads) * a.tokens + row % a.tokens;
      const int e = row16_exponent(largest[t]);
      const float scale = pow2f(-e);
      if (t % kWarp == 0) a.out.e[out] = e;
      for (int c = t % kWarp; c < a.out.ld; c += kWarp) {
        a.out.set(out, c, c < a.size ? rne_int(rotated(a, i * a.size, static_cast<int>(row % a.tokens), c) * scale) : 0);
      }
    });
  }
};

/** The transpose of the rotation, in place; a thread a pair. */
struct RopeBackward {
  static constexpr int kThreads = kRowThreads;
  static constexpr const char* kName = "r3mes_rope_backward";

  struct Args {
    float* y;                // [sequence · token][heads · size]
    const float* cosine;
    const float* sine;
    std::int64_t rows;
    std::int32_t tokens, heads, size;
  };

  struct Shared {};

  template <class B>
  static R3MES_HD void run(B& block, Shared&, const Args& a) {
    block.alone([&](int t) {
      const int half = a.size / 2;
      const std::int64_t i = static_cast<std::int64_t>(block.x()) * kThreads + t, pairs = static_cast<std::int64_t>(a.heads) * half;
      if (i >= a.rows * pairs) return;
      const std::int64_t row = i / pairs, head = i % pairs / half, k = i % half, angle = row % a.tokens * half + k;
      float* x = a.y + (row * a.heads + head) * a.size + k;
      const float first = x[0], second = x[half];
      x[0] = (first * a.cosine[angle]) + (second * a.sine[angle]);
      x[half] = (second * a.cosine[angle]) - (first * a.sine[angle]);
    });
  }
};

}  // namespace r3mes::cuda

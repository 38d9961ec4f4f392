// The operators of docs/arithmetic.md §2 and §3, in the plain second implementation of second.h.
#pragma once

#include "r3mes/kernels.h"
#include "second.h"

namespace test {

struct Second {
  using Real = float;
  using Reals = Floats;

  static void rope_table(Floats& cosine, Floats& sine, int positions, int d, double theta) {
    rope_tables(cosine, sine, positions, d, theta);
  }

  /** §2.2; y and rstd are set. */
  static void rms_norm(Floats& y, Floats& rstd, const Floats& x, const float* w, float eps, int rows, int n) {
    y.resize(x.size());
    rstd.resize(rows);
    for (int i = 0; i < rows; ++i) {
      const Row16 q = to_row16(row_of(x, i, n));
      const float v = rn(sum_of(q, q), 2 * q.e) / static_cast<float>(n) + eps;
      rstd[i] = 1.0f / std::sqrt(v);
      for (int c = 0; c < n; ++c) y[i * n + c] = (x[i * n + c] * rstd[i]) * w[c];
    }
  }

  /** §3.2. */
  static Floats rms_norm_backward(const Floats& dy, const Floats& x, const float* w, const Floats& rstd, int rows, int n) {
    Floats dx(x.size()), g(n), h(n);
    for (int i = 0; i < rows; ++i) {
      for (int c = 0; c < n; ++c) {
        g[c] = dy[i * n + c] * w[c];
        h[c] = x[i * n + c] * rstd[i];
      }
      const float m = dot(to_row16(g), to_row16(h)) / static_cast<float>(n);
      for (int c = 0; c < n; ++c) dx[i * n + c] = (g[c] - (h[c] * m)) * rstd[i];
    }
    return dx;
  }

  /** §2.3. */
  static void linear(Floats& y, Floats& u, const r3mes_linear& l, const Floats& x, int rows) {
    const int r = l.a == nullptr ? 0 : l.rank;
    y.resize(static_cast<std::size_t>(rows) * l.out);
    u.resize(static_cast<std::size_t>(rows) * r);
    std::vector<Row16> a, b;
    for (int j = 0; j < r; ++j) a.push_back(to_row16(Strided{l.a + static_cast<std::size_t>(j) * l.in, l.in, 1}));
    for (int o = 0; o < (r == 0 ? 0 : l.out); ++o) b.push_back(to_row16(Strided{l.b + static_cast<std::size_t>(o) * r, r, 1}));
    std::vector<std::int64_t> q;
    for (int t = 0; t < rows; ++t) {
      const float dequant_scale = to_act8(row_of(x, t, l.in), q);
      const Row16 x16 = to_row16(row_of(x, t, l.in));
      for (int j = 0; j < r; ++j) u[t * r + j] = dot(x16, a[j]);
      const Row16 u16 = to_row16(row_of(u, t, r));
      for (int o = 0; o < l.out; ++o) {
        std::int64_t sum = 0;
        for (int c = 0; c < l.in; ++c) sum += q[c] * l.w[static_cast<std::size_t>(o) * l.in + c];
        const float base = static_cast<float>(sum) * (dequant_scale * l.scale);
        y[t * l.out + o] = r == 0 ? base : base + (l.scaling * dot(u16, b[o]));
      }
    }
  }

  /** §3.3 for one sequence; da and db are added to. */
  static Floats linear_backward(Floats& da, Floats& db, const r3mes_linear& l, const Floats& dy, const Floats& x, const Floats& u, int rows) {
    const int in = l.in, out = l.out, r = l.a == nullptr ? 0 : l.rank;
    Floats dx(static_cast<std::size_t>(rows) * in), du(static_cast<std::size_t>(rows) * r);
    std::vector<Row16> a, b;
    for (int c = 0; c < (r == 0 ? 0 : in); ++c) a.push_back(to_row16(Strided{l.a + c, r, static_cast<std::size_t>(in)}));
    for (int j = 0; j < r; ++j) b.push_back(to_row16(Strided{l.b + j, out, static_cast<std::size_t>(r)}));
    for (int t = 0; t < rows; ++t) {
      const Row16 dy16 = to_row16(row_of(dy, t, out));
      for (int j = 0; j < r; ++j) du[t * r + j] = l.scaling * dot(dy16, b[j]);
      const Row16 du16 = to_row16(row_of(du, t, r));
      for (int c = 0; c < in; ++c) {
        std::int64_t sum = 0;
        for (int o = 0; o < out; ++o) sum += dy16.q[o] * l.w[static_cast<std::size_t>(o) * in + c];
        const float base = rn(sum, dy16.e) * l.scale;
        dx[t * in + c] = r == 0 ? base : base + dot(du16, a[c]);
      }
    }
    for (int first = 0; first < rows && r > 0; first += 256) {
      const int tokens = std::min(256, rows - first);
      std::vector<Row16> dy16, x16, u16, du16;
      for (int o = 0; o < out; ++o) dy16.push_back(to_row16(column_of(dy, o, out, first, tokens)));
      for (int c = 0; c < in; ++c) x16.push_back(to_row16(column_of(x, c, in, first, tokens)));
      for (int j = 0; j < r; ++j) u16.push_back(to_row16(column_of(u, j, r, first, tokens)));
      for (int j = 0; j < r; ++j) du16.push_back(to_row16(column_of(du, j, r, first, tokens)));
      for (int o = 0; o < out; ++o) {
        for (int j = 0; j < r; ++j) db[o * r + j] += dot(dy16[o], u16[j]) * l.scaling;
      }
      for (int j = 0; j < r; ++j) {
        for (int c = 0; c < in; ++c) da[j * in + c] += dot(du16[j], x16[c]);
      }
    }
    return dx;
  }

  /** §2.4, one head. */
  static void attention(Floats& o, Floats& m, Floats& inverse, const Floats& q, const Floats& k, const Floats& v, int tokens, int d) {
    const float c = 1.0f / std::sqrt(static_cast<float>(d));
    const std::vector<Row16> q16 = rows(q, tokens, d), k16 = rows(k, tokens, d), v16 = rows(v, tokens, d);
    o.resize(q.size());
    m.resize(tokens);
    inverse.resize(tokens);
    for (int i = 0; i < tokens; ++i) {
      Floats w(i + 1);
      for (int j = 0; j <= i; ++j) w[j] = dot(q16[i], k16[j]) * c;
      m[i] = w[0];
      for (const float s : w) m[i] = std::fmax(m[i], s);
      std::int64_t sum = 0;
      for (float& s : w) sum += fix30_of(s = exp_of(s - m[i]));
      inverse[i] = 1.0f / rn(sum, -30);
      const Row16 b = folded(w, v16, 0);
      for (int x = 0; x < d; ++x) o[i * d + x] = rn(mantissa_sum(b, v16, 0, x), b.e) * inverse[i];
    }
  }

  /** §3.5, one head, before the inverse RoPE. */
  static void attention_backward(Floats& dq, Floats& dk, Floats& dv, const Floats& d_o, const Floats& q, const Floats& k, const Floats& v,
                                 const Floats& o, const Floats& m, const Floats& inverse, int tokens, int d) {
    const float c = 1.0f / std::sqrt(static_cast<float>(d));
    const std::vector<Row16> q16 = rows(q, tokens, d), k16 = rows(k, tokens, d), v16 = rows(v, tokens, d), do16 = rows(d_o, tokens, d);
    std::vector<Floats> p(tokens), ds(tokens);
    for (Floats* x : {&dq, &dk, &dv}) x->assign(q.size(), 0.0f);
    for (int i = 0; i < tokens; ++i) {
      const float D = dot(do16[i], to_row16(row_of(o, i, d)));
      for (int j = 0; j <= i; ++j) {
        p[i].push_back(exp_of(dot(q16[i], k16[j]) * c - m[i]) * inverse[i]);
        ds[i].push_back((p[i][j] * (dot(do16[i], v16[j]) - D)) * c);
      }
      const Row16 b = folded(ds[i], k16, 0);
      for (int x = 0; x < d; ++x) dq[i * d + x] = rn(mantissa_sum(b, k16, 0, x), b.e);
    }
    for (int j = 0; j < tokens; ++j) {
      Floats p_column, ds_column;
      for (int i = j; i < tokens; ++i) {
        p_column.push_back(p[i][j]);
        ds_column.push_back(ds[i][j]);
      }
      const Row16 bk = folded(ds_column, q16, j), bv = folded(p_column, do16, j);
      for (int x = 0; x < d; ++x) {
        dk[j * d + x] = rn(mantissa_sum(bk, q16, j, x), bk.e);
        dv[j * d + x] = rn(mantissa_sum(bv, do16, j, x), bv.e);
      }
    }
  }

  /** §2.6, §2.7, §3.1. */
  static void head(Floats& logits, std::vector<std::int64_t>& losses, Floats& dn, const Floats& embedding, const Floats& n,
                   const std::vector<std::int32_t>& labels, std::int64_t job_labels, int count, int vocab, int hidden) {
    const float inverse_labels = 1.0f / static_cast<float>(job_labels);
    const std::vector<Row16> e16 = rows(embedding, vocab, hidden);
    logits.clear();
    losses.clear();
    dn.clear();
    for (int i = 0; i < count; ++i) {
      const Row16 n16 = to_row16(row_of(n, i, hidden));
      Floats w(vocab);
      for (int v = 0; v < vocab; ++v) w[v] = dot(n16, e16[v]);
      logits.insert(logits.end(), w.begin(), w.end());
      const float label = w[labels[i]];
      float m = w[0];
      for (const float logit : w) m = std::fmax(m, logit);
      std::int64_t sum = 0;
      for (float& weight : w) sum += fix30_of(weight = exp_of(weight - m));
      const float total = rn(sum, -30), inverse = 1.0f / total, loss = (m - label) + log_of(total);
      losses.push_back(static_cast<std::int64_t>(std::nearbyint(static_cast<double>(loss) * 1048576.0)));
      const Row16 b = folded(w, e16, 0), &own = e16[labels[i]];
      for (int c = 0; c < hidden; ++c) {
        dn.push_back(((rn(mantissa_sum(b, e16, 0, c), b.e) * inverse) - static_cast<float>(own.q[c]) * power_of_two(own.e)) * inverse_labels);
      }
    }
  }

 private:
  static std::vector<Row16> rows(const Floats& x, int count, int n) {
    std::vector<Row16> out;
    for (int i = 0; i < count; ++i) out.push_back(to_row16(row_of(x, i, n)));
    return out;
  }

  /** row16(fold(x, exponents of others[first …])). */
  static Row16 folded(Floats x, const std::vector<Row16>& others, int first) {
    for (std::size_t k = 0; k < x.size(); ++k) x[k] = x[k] * power_of_two(others[first + k].e);
    return to_row16(x);
  }

  /** Σ_k b_k · mantissa `column` of others[first + k]. */
  static std::int64_t mantissa_sum(const Row16& b, const std::vector<Row16>& others, int first, int column) {
    std::int64_t sum = 0;
    for (std::size_t k = 0; k < b.q.size(); ++k) sum += b.q[k] * others[first + k].q[column];
    return sum;
  }
};

}  // namespace test

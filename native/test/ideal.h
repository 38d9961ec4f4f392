// The same operators in binary64 with library functions and without row16: what the engine approximates. Gradients are
// the textbook ones. BitLinear keeps its 8-bit activations while `act8` is true, and its gradient is straight-through.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "r3mes/kernels.h"

namespace test {

using Doubles = std::vector<double>;

inline Doubles widened(const std::vector<float>& x) { return Doubles(x.begin(), x.end()); }

struct Ideal {
  using Real = double;
  using Reals = Doubles;

  inline static bool act8 = true;

  /** Angles as PyTorch makes them: binary32 position × binary32 frequency. */
  static void rope_table(Doubles& cosine, Doubles& sine, int positions, int d, double theta) {
    cosine.clear();
    sine.clear();
    for (int position = 0; position < positions; ++position) {
      for (int i = 0; i < d / 2; ++i) {
        const float frequency = static_cast<float>(std::pow(theta, -2.0 * i / d)), angle = static_cast<float>(position) * frequency;
        cosine.push_back(std::cos(static_cast<double>(angle)));
        sine.push_back(std::sin(static_cast<double>(angle)));
      }
    }
  }

  static void rms_norm(Doubles& y, Doubles& rstd, const Doubles& x, const float* w, float eps, int rows, int n) {
    y.resize(x.size());
    rstd.resize(rows);
    for (int i = 0; i < rows; ++i) {
      double squares = 0.0;
      for (int c = 0; c < n; ++c) squares += x[i * n + c] * x[i * n + c];
      rstd[i] = 1.0 / std::sqrt(squares / n + eps);
      for (int c = 0; c < n; ++c) y[i * n + c] = x[i * n + c] * rstd[i] * w[c];
    }
  }

  static Doubles rms_norm_backward(const Doubles& dy, const Doubles& x, const float* w, const Doubles& rstd, int rows, int n) {
    Doubles dx(x.size());
    for (int i = 0; i < rows; ++i) {
      double sum = 0.0;
      for (int c = 0; c < n; ++c) sum += dy[i * n + c] * w[c] * x[i * n + c];
      const double r = rstd[i];
      for (int c = 0; c < n; ++c) dx[i * n + c] = r * dy[i * n + c] * w[c] - r * r * r * x[i * n + c] * sum / n;
    }
    return dx;
  }

  static void linear(Doubles& y, Doubles& u, const r3mes_linear& l, const Doubles& x, int rows) {
    const int r = l.a == nullptr ? 0 : l.rank;
    y.assign(static_cast<std::size_t>(rows) * l.out, 0.0);
    u.assign(static_cast<std::size_t>(rows) * r, 0.0);
    for (int t = 0; t < rows; ++t) {
      const double* xt = x.data() + static_cast<std::size_t>(t) * l.in;
      double largest = 0.0;
      for (int c = 0; c < l.in; ++c) largest = std::fmax(largest, std::fabs(xt[c]));
      const double s = 127.0 / std::fmax(largest, static_cast<double>(1e-5f));
      for (int j = 0; j < r; ++j) {
        for (int c = 0; c < l.in; ++c) u[t * r + j] += xt[c] * l.a[static_cast<std::size_t>(j) * l.in + c];
      }
      for (int o = 0; o < l.out; ++o) {
        double& sum = y[static_cast<std::size_t>(t) * l.out + o];
        for (int c = 0; c < l.in; ++c) sum += (act8 ? std::nearbyint(xt[c] * s) / s : xt[c]) * l.w[static_cast<std::size_t>(o) * l.in + c];
        sum *= l.scale;
        for (int j = 0; j < r; ++j) sum += l.scaling * u[t * r + j] * l.b[static_cast<std::size_t>(o) * r + j];
      }
    }
  }

  static Doubles linear_backward(Doubles& da, Doubles& db, const r3mes_linear& l, const Doubles& dy, const Doubles& x, const Doubles& u,
                                 int rows) {
    const int r = l.a == nullptr ? 0 : l.rank;
    Doubles dx(static_cast<std::size_t>(rows) * l.in), du(r);
    for (int t = 0; t < rows; ++t) {
      const double* dyt = dy.data() + static_cast<std::size_t>(t) * l.out;
      const double* xt = x.data() + static_cast<std::size_t>(t) * l.in;
      for (int j = 0; j < r; ++j) {
        du[j] = 0.0;
        for (int o = 0; o < l.out; ++o) {
          du[j] += l.scaling * dyt[o] * l.b[static_cast<std::size_t>(o) * r + j];
          db[o * r + j] += l.scaling * dyt[o] * u[t * r + j];
        }
        for (int c = 0; c < l.in; ++c) da[j * l.in + c] += du[j] * xt[c];
      }
      for (int c = 0; c < l.in; ++c) {
        double sum = 0.0;
        for (int o = 0; o < l.out; ++o) sum += dyt[o] * l.w[static_cast<std::size_t>(o) * l.in + c];
        sum *= l.scale;
        for (int j = 0; j < r; ++j) sum += du[j] * l.a[static_cast<std::size_t>(j) * l.in + c];
        dx[static_cast<std::size_t>(t) * l.in + c] = sum;
      }
    }
    return dx;
  }

  static void attention(Doubles& o, Doubles& m, Doubles& inverse, const Doubles& q, const Doubles& k, const Doubles& v, int tokens, int d) {
    o.assign(q.size(), 0.0);
    m.assign(tokens, -HUGE_VAL);
    inverse.resize(tokens);
    for (int i = 0; i < tokens; ++i) {
      Doubles s(i + 1);
      for (int j = 0; j <= i; ++j) m[i] = std::fmax(m[i], s[j] = product(&q[i * d], &k[j * d], d) / std::sqrt(d));
      double sum = 0.0;
      for (double& w : s) sum += (w = std::exp(w - m[i]));
      inverse[i] = 1.0 / sum;
      for (int j = 0; j <= i; ++j) {
        for (int x = 0; x < d; ++x) o[i * d + x] += s[j] / sum * v[j * d + x];
      }
    }
  }

  static void attention_backward(Doubles& dq, Doubles& dk, Doubles& dv, const Doubles& d_o, const Doubles& q, const Doubles& k,
                                 const Doubles& v, const Doubles& o, const Doubles& m, const Doubles& inverse, int tokens, int d) {
    for (Doubles* x : {&dq, &dk, &dv}) x->assign(q.size(), 0.0);
    const double c = 1.0 / std::sqrt(d);
    for (int i = 0; i < tokens; ++i) {
      const double D = product(&d_o[i * d], &o[i * d], d);
      for (int j = 0; j <= i; ++j) {
        const double p = std::exp(product(&q[i * d], &k[j * d], d) * c - m[i]) * inverse[i];
        const double ds = p * (product(&d_o[i * d], &v[j * d], d) - D) * c;
        for (int x = 0; x < d; ++x) {
          dq[i * d + x] += ds * k[j * d + x];
          dk[j * d + x] += ds * q[i * d + x];
          dv[j * d + x] += p * d_o[i * d + x];
        }
      }
    }
  }

  /** Losses in nats. */
  static void head(Doubles& logits, Doubles& losses, Doubles& dn, const std::vector<float>& embedding, const Doubles& n,
                   const std::vector<std::int32_t>& labels, std::int64_t job_labels, int count, int vocab, int hidden) {
    logits.clear();
    losses.clear();
    dn.assign(static_cast<std::size_t>(count) * hidden, 0.0);
    for (int i = 0; i < count; ++i) {
      Doubles w(vocab);
      double m = -HUGE_VAL, sum = 0.0;
      for (int v = 0; v < vocab; ++v) {
        for (int c = 0; c < hidden; ++c) w[v] += n[i * hidden + c] * embedding[static_cast<std::size_t>(v) * hidden + c];
        m = std::fmax(m, w[v]);
      }
      logits.insert(logits.end(), w.begin(), w.end());
      for (const double logit : w) sum += std::exp(logit - m);
      losses.push_back(m - w[labels[i]] + std::log(sum));
      for (int v = 0; v < vocab; ++v) {
        const double p = std::exp(w[v] - m) / sum - (v == labels[i] ? 1.0 : 0.0);
        for (int c = 0; c < hidden; ++c) dn[i * hidden + c] += p * embedding[static_cast<std::size_t>(v) * hidden + c] / static_cast<double>(job_labels);
      }
    }
  }

 private:
  static double product(const double* a, const double* b, int n) {
    double sum = 0.0;
    for (int i = 0; i < n; ++i) sum += a[i] * b[i];
    return sum;
  }
};

}  // namespace test

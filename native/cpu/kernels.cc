// The operators behind their C face, one call each.
#include "r3mes/kernels.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "attention.h"
#include "bits.h"
#include "elementary.h"
#include "failure.h"
#include "fpenv.h"
#include "head.h"
#include "job.h"
#include "linear.h"
#include "norm.h"
#include "tables.h"

using namespace r3mes::cpu;

namespace {

void positive(const char* name, std::int64_t value, std::int64_t most) {
  if (value >= 1 && value <= most) return;
  throw Failure(R3MES_BAD_SHAPE, std::string(name) + " is " + std::to_string(value) + ", expected 1 to " + std::to_string(most));
}

constexpr std::int64_t kMost = std::int64_t{1} << 20;

void copy_rows(const Rows16& from, int rows, int n, std::int16_t* q, std::int32_t* e) {
  for (int i = 0; i < rows; ++i) std::memcpy(q + static_cast<std::size_t>(i) * n, from.row(i), n * sizeof *q);
  std::copy(from.e, from.e + rows, e);
}

/** Refuses a result that left the range of binary32. */
void finite(const char* name, const float* y, std::int64_t rows, int n) {
  for (std::int64_t i = 0; i < rows; ++i) {
    for (int k = 0; k < n; ++k) {
      const float value = y[i * n + k];
      if ((bits_of(value) & kAbsMask) >= kInfinityBits) not_finite(Where{name}, i, k, value);
    }
  }
}

Rows16 rows_of(const float* x, int rows, int n, const char* name, Arena& arena) {
  const Rows16 r = take_rows16(arena, rows, n);
  row16_rows(x, n, rows, n, r, Where{name});
  return r;
}

struct OneLinear {
  Linear linear;
  LoraLinear lora;
  const LoraLinear* adapter;
};

OneLinear make(const r3mes_linear& from) {
  positive("in", from.in, (1 << 17) - 1);
  positive("out", from.out, 65793);
  OneLinear one;
  one.linear.w = TernaryMatrix(from.out, from.in);
  for (int o = 0; o < from.out; ++o) {
    for (int c = 0; c < from.in; ++c) {
      const int weight = from.w[static_cast<std::size_t>(o) * from.in + c];
      if (weight < -1 || weight > 1) {
        throw Failure(R3MES_BAD_VALUE, "w is " + std::to_string(weight) + " at [" + std::to_string(o) + ", " + std::to_string(c) +
                                           "], expected -1, 0 or 1");
      }
      one.linear.w.set(o, c, weight);
    }
  }
  one.linear.w_transposed = one.linear.w.transposed();
  one.linear.scale = from.scale;
  one.adapter = nullptr;
  if (from.a != nullptr) {
    positive("rank", from.rank, 4096);
    one.lora = prepare_lora(from.a, from.b, from.rank, from.in, from.out, from.scaling, Where{"lora_A"}, Where{"lora_B"});
    one.adapter = &one.lora;
  }
  return one;
}

}  // namespace

r3mes_status r3mes_act8(int8_t* q, float* dequant_scale, const float* x, int32_t rows, int32_t n, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    positive("rows", rows, kMost);
    positive("n", n, kMost);
    std::vector<std::int16_t> q16(padded(n));
    for (int i = 0; i < rows; ++i) {
      const float* row = x + static_cast<std::size_t>(i) * n;
      row16(row, n, q16.data(), Where{"x"}, i);  // refuses what is not finite
      dequant_scale[i] = act8(row, n, absmax_bits(row, n), q16.data());
      for (int k = 0; k < n; ++k) q[static_cast<std::size_t>(i) * n + k] = static_cast<std::int8_t>(q16[k]);
    }
  });
}

r3mes_status r3mes_row16(int16_t* q, int32_t* e, const float* x, int32_t rows, int32_t n, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    positive("rows", rows, kMost);
    positive("n", n, kMost);
    Arena arena;
    copy_rows(rows_of(x, rows, n, "x", arena), rows, n, q, e);
  });
}

r3mes_status r3mes_row16_columns(int16_t* q, int32_t* e, const float* x, const float* fold, int32_t rows, int32_t n,
                                 r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    positive("rows", rows, kMost);
    positive("n", n, kMost);
    Arena arena;
    const Rows16 columns = take_rows16(arena, n, rows);
    row16_columns(x, n, rows, n, fold, columns, arena, Where{"x"});
    copy_rows(columns, n, rows, q, e);
  });
}

r3mes_status r3mes_dot16(float* y, const float* a, const float* b, int32_t m, int32_t n, int32_t k, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    positive("m", m, kMost);
    positive("n", n, kMost);
    positive("k", k, (1 << 23) - 1);
    Arena arena;
    const Rows16 a16 = rows_of(a, m, k, "a", arena), b16 = rows_of(b, n, k, "b", arena);
    const Panels panels = take_panels(arena, k, n);
    pack_rows(b16.q, b16.stride, n, k, panels);
    product(left_of(a16, m, k, arena), 0, m, panels, n, k, scales_of(b16, n, k, arena), [&](int i, int j0, int count, const float* v) {
      std::copy(v, v + count, y + static_cast<std::size_t>(i) * n + j0);
    });
    finite("y", y, m, n);
  });
}

float r3mes_exp(float t) { return in_environment([t] { return exp_nonpositive(t); }); }

float r3mes_log(float x) { return in_environment([x] { return log_from_one(x); }); }

int32_t r3mes_fix30(float w) { return in_environment([w] { return fix30(w); }); }

r3mes_status r3mes_rope_table(float* cosine, float* sine, int32_t positions, int32_t head_size, double theta, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    positive("positions", positions, kMost);
    positive("head_size", head_size, 1024);
    if (head_size % 2 != 0) throw Failure(R3MES_BAD_SHAPE, "head_size is " + std::to_string(head_size) + ", expected an even number");
    if (!(theta > 1.0) || !(theta < 1e30)) throw Failure(R3MES_BAD_VALUE, "theta must be greater than 1 and below 1e30");
    const RopeTable table = rope_table(positions, inverse_frequencies(head_size, theta));
    std::copy(table.cosine.begin(), table.cosine.end(), cosine);
    std::copy(table.sine.begin(), table.sine.end(), sine);
  });
}

r3mes_status r3mes_rms_norm(float* y, float* rstd, const float* x, const float* w, float eps, int32_t rows, int32_t n,
                            r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    positive("rows", rows, kMost);
    positive("n", n, kMost);
    Arena arena;
    for (int i = 0; i < rows; ++i) {
      const std::size_t at = static_cast<std::size_t>(i) * n;
      rstd[i] = rms_norm(x + at, w, n, eps, y + at, arena, Where{"x"}, i);
    }
    finite("y", y, rows, n);
  });
}

r3mes_status r3mes_rms_norm_backward(float* dx, const float* dy, const float* x, const float* w, const float* rstd, int32_t rows,
                                     int32_t n, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    positive("rows", rows, kMost);
    positive("n", n, kMost);
    Arena arena;
    for (int i = 0; i < rows; ++i) {
      const std::size_t at = static_cast<std::size_t>(i) * n;
      rms_norm_backward(dy + at, x + at, w, rstd[i], n, dx + at, arena, Where{"dy"}, i);
    }
    finite("dx", dx, rows, n);
  });
}

r3mes_status r3mes_linear_forward(float* y, float* u, const r3mes_linear* linear, const float* x, int32_t rows, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    positive("rows", rows, kMost);
    const OneLinear one = make(*linear);
    Arena arena;
    const LinearInput input = quantize_input(x, linear->in, rows, linear->in, one.adapter != nullptr, arena, Where{"x"});
    linear_forward(one.linear, one.adapter, input, y, linear->out, u, arena, Where{"u"});
    finite("y", y, rows, linear->out);
  });
}

r3mes_status r3mes_linear_backward(float* dx, float* da, float* db, const r3mes_linear* linear, const float* dy, const float* x,
                                   const float* u, int32_t rows, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    positive("rows", rows, kMost);
    const OneLinear one = make(*linear);
    const int in = linear->in, out = linear->out, rank = linear->rank;
    Arena arena;
    float* du = one.adapter == nullptr ? nullptr : arena.get<float>(static_cast<std::size_t>(rows) * rank);
    linear_backward(one.linear, one.adapter, dy, out, rows, dx, in, false, du, arena, Where{"dy"});
    finite("dx", dx, rows, in);
    if (one.adapter == nullptr) return;
    std::fill(da, da + static_cast<std::size_t>(rank) * in, 0.0f);
    std::fill(db, db + static_cast<std::size_t>(rank) * out, 0.0f);
    for (std::size_t t = 0; t < static_cast<std::size_t>(rows); t += kCanonicalBlock) {
      const int tokens = std::min(kCanonicalBlock, static_cast<int>(rows - t));
      const BlockColumns outputs = block_columns(dy + t * out, out, tokens, 0, out, arena, Where{"dy"});
      lora_gradient_b(outputs, u + t * rank, tokens, rank, linear->scaling, db, arena, Where{"dy"});
      const BlockColumns inputs = block_columns(x + t * in, in, tokens, 0, in, arena, Where{"x"});
      lora_gradient_a(inputs, du + t * rank, tokens, rank, in, da, arena, Where{"du"});
    }
    finite("da", da, rank, in);
    finite("db", db, out, rank);
  });
}

r3mes_status r3mes_attention(float* o, float* row_max, float* inverse_sum, const float* q, const float* k, const float* v,
                             int32_t tokens, int32_t d, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    positive("tokens", tokens, kMost);
    positive("d", d, 1024);
    Arena arena;
    const KeyValue kv = prepare_forward(rows_of(k, tokens, d, "k", arena), rows_of(v, tokens, d, "v", arena), tokens, d, arena);
    attention_forward(kv, rows_of(q, tokens, d, "q", arena), 0, tokens, 1.0f / std::sqrt(static_cast<float>(d)), o, d, row_max,
                      inverse_sum, arena, Where{"scores"});
    finite("o", o, tokens, d);
  });
}

r3mes_status r3mes_attention_backward(float* dq, float* dk, float* dv, const float* d_o, const float* q, const float* k, const float* v,
                                      const float* o, const float* row_max, const float* inverse_sum, int32_t tokens, int32_t d,
                                      int32_t striped, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    positive("tokens", tokens, kMost);
    positive("d", d, 1024);
    Arena arena;
    const Where where{"gradient of scores"};
    const KeyValue kv = prepare_backward(rows_of(k, tokens, d, "k", arena), rows_of(v, tokens, d, "v", arena), tokens, d, arena);
    const QueryHead head = prepare_query_head(rows_of(q, tokens, d, "q", arena), d_o, o, d, tokens, d, row_max, inverse_sum,
                                              1.0f / std::sqrt(static_cast<float>(d)), arena, Where{"d_o"});
    constexpr int kStripe = 64;
    if (striped == 0) attention_backward(kv, head, dq, d, dk, dv, d, false, arena, where);
    for (int first = 0; striped != 0 && first < tokens; first += kStripe) {
      const int last = std::min(tokens, first + kStripe);
      attention_backward_queries(kv, head, first, last, dq, d, arena, where);
      attention_backward_keys(kv, head, first, last, dk, dv, d, false, arena, where);
    }
    finite("dq", dq, tokens, d);
    finite("dk", dk, tokens, d);
    finite("dv", dv, tokens, d);
  });
}

r3mes_status r3mes_head(float* logits, int64_t* losses, float* dn, const float* embedding, const float* n, const int32_t* labels,
                        int32_t job_labels, int32_t rows, int32_t vocab, int32_t hidden, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    positive("rows", rows, kMost);
    positive("vocab", vocab, (1 << 23) - 1);
    positive("hidden", hidden, 1 << 16);
    positive("job_labels", job_labels, (1 << 24) - 1);
    for (int i = 0; i < rows; ++i) {
      if (labels[i] < 0 || labels[i] >= vocab) throw Failure(R3MES_BAD_TOKEN, "label " + std::to_string(labels[i]) + " is out of range");
    }
    const HeadWeights head = make_head(vocab, hidden, Where{"embedding"}, [&](int v, float* out) {
      std::copy(embedding + static_cast<std::size_t>(v) * hidden, embedding + static_cast<std::size_t>(v + 1) * hidden, out);
    });
    Arena arena;
    const std::size_t size = static_cast<std::size_t>(rows) * vocab;
    float* weights = arena.get<float>(size);
    float* inverse_sum = arena.get<float>(rows);
    head_logits(head, n, rows, logits, arena, Where{"n"});
    std::copy(logits, logits + size, weights);
    head_loss(weights, vocab, labels, rows, losses, inverse_sum, Where{"logits"});
    head_backward(head, weights, labels, inverse_sum, rows, 1.0f / static_cast<float>(job_labels), dn, arena, Where{"weights"});
    finite("dn", dn, rows, hidden);
  });
}

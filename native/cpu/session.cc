#include "session.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "activation.h"
#include "adapter.h"
#include "bits.h"
#include "elementary.h"
#include "fpenv.h"
#include "norm.h"

namespace r3mes::cpu {

namespace {

constexpr int kMaxThreads = 1024;

[[noreturn]] void refuse(r3mes_status status, const std::string& message) { throw Failure(status, message); }

Pool::Cancelled cancellation(const r3mes_run_options& options) {
  if (options.cancelled == nullptr) return [] { return false; };
  return [cancelled = options.cancelled, context = options.context] { return cancelled(context) != 0; };
}

}  // namespace

void Session::Input::resize(int rows, int in) {
  const std::size_t size = static_cast<std::size_t>(rows) * padded(in);
  act8.resize(size);
  mantissas.resize(size);
  slices.resize(size);
  dequant_scale.resize(rows);
  e.resize(rows);
}

LinearInput Session::Input::rows(int first, int count, int in) {
  const std::size_t stride = padded(in), at = first * stride;
  const Left left{Rows16{mantissas.data() + at, stride, e.data() + first}, kQuadHasSlices ? slices.data() + at : nullptr};
  return LinearInput{count, act8.data() + at, dequant_scale.data() + first, left};
}

Left Session::Down::rows(int first, int rank) {
  const std::size_t stride = padded(rank), at = first * stride;
  return Left{Rows16{mantissas.data() + at, stride, e.data() + first}, kQuadHasSlices ? slices.data() + at : nullptr};
}

Session::Session(const r3mes_model& model, const r3mes_lora* lora, const float* adapter, std::size_t adapter_size, int capacity, int threads)
    : model_(model), shape_(model.shape), capacity_(capacity) {
  if (threads < 1) refuse(R3MES_BAD_VALUE, "threads is " + std::to_string(threads) + ", expected at least 1");
  if (capacity < 1 || capacity > shape_.max_positions) {
    refuse(R3MES_BAD_SHAPE, "the capacity is " + std::to_string(capacity) + " tokens, expected 1 to " + std::to_string(shape_.max_positions));
  }
  if ((lora == nullptr) != (adapter == nullptr)) refuse(R3MES_BAD_SHAPE, "an adapter needs its LoRA settings, and they need it");
  if (lora != nullptr) {
    const AdapterLayout layout = adapter_layout(shape_, *lora);
    if (layout.size != adapter_size) {
      refuse(R3MES_BAD_SHAPE, "the adapter has " + std::to_string(adapter_size) + " elements, expected " + std::to_string(layout.size));
    }
    Pool pool(std::min(threads, kMaxThreads), [] { return false; });
    lora_ = prepare_adapter(shape_, *lora, layout, adapter, pool);
    targets_ = lora->targets;
  }
  for (int l = 0; l < shape_.layers; ++l) caches_.emplace_back(shape_.kv_heads, shape_.head_size, capacity);
  rope_ = rope_table(capacity, model.inverse_frequencies);
  const std::size_t heads = static_cast<std::size_t>(shape_.heads) * capacity;
  q_.resize(heads * padded(shape_.head_size));
  q_e_.resize(heads);
  o_.resize(static_cast<std::size_t>(capacity) * shape_.hidden_size);
  row_max_.resize(heads);
  inverse_sum_.resize(heads);
}

void Session::rewind(int length) {
  if (length < 0 || length > length_) {
    refuse(R3MES_BAD_VALUE, "the length is " + std::to_string(length) + ", expected 0 to " + std::to_string(length_));
  }
  length_ = length;
}

void Session::extend(float* logits, int wanted, const std::int32_t* tokens, int count, const r3mes_run_options& options) {
  if (options.threads < 1) refuse(R3MES_BAD_VALUE, "threads is " + std::to_string(options.threads) + ", expected at least 1");
  if (count < 1) refuse(R3MES_BAD_SHAPE, "there are no tokens to add");
  if (count > capacity_ - length_) {
    refuse(R3MES_BAD_SHAPE, std::to_string(count) + " tokens behind " + std::to_string(length_) + ", expected at most " +
                                std::to_string(capacity_) + " in all");
  }
  if (wanted < 0 || wanted > count) {
    refuse(R3MES_BAD_VALUE, "logits of " + std::to_string(wanted) + " tokens, expected 0 to " + std::to_string(count));
  }
  for (int i = 0; i < count; ++i) {
    if (tokens[i] < 0 || tokens[i] >= shape_.vocab_size) {
      refuse(R3MES_BAD_TOKEN, "token " + std::to_string(length_ + i) + " is " + std::to_string(tokens[i]) + ", expected 0 to " +
                                  std::to_string(shape_.vocab_size - 1));
    }
  }
  Pool pool(std::min(options.threads, kMaxThreads), cancellation(options));
  const int before = length_;
  try {
    for (int first = 0; first < count; first += kChunk) {
      const int rows = std::min(kChunk, count - first);
      // Of the wanted rows, those in this chunk.
      const int from = std::max(first, count - wanted), n = std::max(0, first + rows - from);
      float* to = n == 0 ? nullptr : logits + static_cast<std::size_t>(from - (count - wanted)) * shape_.vocab_size;
      chunk(tokens + first, rows, to, n, pool);
      length_ += rows;
    }
  } catch (...) {
    length_ = before;
    throw;
  }
}

void Session::resize(int rows) {
  if (rows <= rows_) return;
  const std::size_t R = rows, C = shape_.hidden_size, F = shape_.ffn_size, K = static_cast<std::size_t>(shape_.kv_heads) * shape_.head_size;
  x_.resize(R * C);
  y_.resize(R * C);
  norm_.resize(R * std::max(C, F));
  k_.resize(R * K);
  v_.resize(R * K);
  gate_.resize(R * F);
  up_.resize(R * F);
  input_.resize(rows, std::max(shape_.hidden_size, shape_.ffn_size));
  for (int linear = 0; linear < R3MES_LINEARS; ++linear) {
    const LoraLinear* adapter = lora(0, linear);
    if (adapter == nullptr) continue;
    down_[linear].u.resize(R * adapter->rank);
    down_[linear].mantissas.resize(R * padded(adapter->rank));
    down_[linear].slices.resize(down_[linear].mantissas.size());
    down_[linear].e.resize(R);
  }
  rows_ = rows;
}

Session::Tile Session::tile(int index, int count) const {
  const int first = index * tile_rows_;
  return Tile{first, std::min(tile_rows_, count - first)};
}

const LoraLinear* Session::lora(int layer, int linear) const {
  return (targets_ >> linear & 1u) == 0 ? nullptr : &lora_[layer * R3MES_LINEARS + linear];
}

void Session::take_input(int layer, int first, int last, const float* x, const float* norm, int n, const Tile& t, Arena& arena, const char* in,
                         const char* out) {
  float* y = norm_.data() + static_cast<std::size_t>(t.first) * n;
  for (int i = 0; i < t.rows; ++i) {
    rms_norm(x + static_cast<std::size_t>(i) * n, norm, n, shape_.rms_epsilon, y + static_cast<std::size_t>(i) * n, arena, where(in, layer, t.first), i);
  }
  const LinearInput input = input_.rows(t.first, t.rows, n);
  quantize_into(y, n, n, input, where(out, layer, t.first));
  for (int linear = first; linear <= last; ++linear) {
    const LoraLinear* adapter = lora(layer, linear);
    if (adapter == nullptr) continue;
    Down& down = down_[linear];
    lora_down(*adapter, input, n, down.u.data() + static_cast<std::size_t>(t.first) * adapter->rank, down.rows(t.first, adapter->rank),
              where(linear_name(linear), layer, t.first));
  }
}

void Session::project(int layer, int first, int last, int count, float* const* out, Pool& pool) {
  constexpr int kGroup = TernaryMatrix::kGroup;
  struct Part {
    int linear;
    int begin;
    int end;
  };
  // Few tiles are cut further, by outputs, so that every thread finds work.
  const int wanted = tiles(count) >= 3 * pool.threads() ? 1 : 4 * pool.threads();
  std::vector<Part> parts;
  int total = 0;
  for (int linear = first; linear <= last; ++linear) total += linear_out(shape_, linear);
  const int columns = std::max(kGroup, (total / wanted + kGroup - 1) / kGroup * kGroup);
  for (int linear = first; linear <= last; ++linear) {
    const int outputs = linear_out(shape_, linear), step = wanted == 1 ? outputs : columns;
    for (int o = 0; o < outputs; o += step) parts.push_back({linear, o, std::min(outputs, o + step)});
  }
  const int P = static_cast<int>(parts.size()), in = linear_in(shape_, first);
  pool.run(tiles(count) * P, [&](int i, Arena& arena) {
    const Tile t = tile(i / P, count);
    const Part& part = parts[i % P];
    const LoraLinear* adapter = lora(layer, part.linear);
    const std::size_t width = linear_out(shape_, part.linear);
    const Left u = adapter == nullptr ? Left{} : down_[part.linear].rows(t.first, adapter->rank);
    linear_columns(model_.layers[layer].linears[part.linear], adapter, input_.rows(t.first, t.rows, in), u, part.begin, part.end,
                   out[part.linear - first] + t.first * width, width, arena);
  });
}

void Session::attend(int layer, int count, Pool& pool) {
  const int d = shape_.head_size, H = shape_.heads, G = shape_.kv_heads, stride = padded(d), first = length_;
  const std::size_t K = static_cast<std::size_t>(G) * d, C = shape_.hidden_size;
  KeyValueCache& cache = caches_[layer];
  const int per_token = H + G;
  pool.run(tiles(count), [&](int index, Arena&) {
    const Tile t = tile(index, count);
    for (int i = t.first; i < t.first + t.rows; ++i) {
      const int token = first + i;
      const float* cosine = &rope_.cosine[static_cast<std::size_t>(token) * (d / 2)];
      const float* sine = &rope_.sine[static_cast<std::size_t>(token) * (d / 2)];
      for (int h = 0; h < per_token; ++h) {
        if (h < H) {
          float* q = y_.data() + i * C + h * d;
          rope(q, d / 2, cosine, sine);
          const std::size_t row = static_cast<std::size_t>(h) * capacity_ + token;
          q_e_[row] = row16(q, d, q_.data() + row * stride, where("self_attn.q_proj output", layer, i), 0);
        } else {
          float* k = k_.data() + i * K + (h - H) * d;
          rope(k, d / 2, cosine, sine);
          cache.put(h - H, token, k, v_.data() + i * K + (h - H) * d, where("self_attn.k_proj output", layer, i), where("self_attn.v_proj output", layer, i));
        }
      }
    }
  });
  const float scale = 1.0f / std::sqrt(static_cast<float>(d));
  const int stripe = std::max(16, tile_rows_), stripes = (count + stripe - 1) / stripe;
  pool.run(H * stripes, [&](int i, Arena& arena) {
    const int h = i % H, from = first + i / H * stripe, to = std::min(first + count, from + stripe);
    const std::size_t row = static_cast<std::size_t>(h) * capacity_;
    const Rows16 q{q_.data() + row * stride, static_cast<std::size_t>(stride), q_e_.data() + row};
    attention_forward(cache.head(h / (H / G), to), q, from, to, scale, o_.data() + h * d, C, row_max_.data() + row, inverse_sum_.data() + row, arena,
                      Where{"attention scores", layer, 0, 0});
  });
}

void Session::chunk(const std::int32_t* tokens, int count, float* logits, int wanted, Pool& pool) {
  resize(count);
  tile_rows_ = std::clamp(count / (3 * pool.threads()), 16, 128) / 4 * 4;
  const std::size_t C = shape_.hidden_size, F = shape_.ffn_size;
  const auto each = [&](auto work) { pool.run(tiles(count), [&](int i, Arena& arena) { work(tile(i, count), arena); }); };
  for (int l = 0; l < shape_.layers; ++l) {
    const Layer& weights = model_.layers[l];
    each([&](const Tile& t, Arena& arena) {
      float* x = x_.data() + t.first * C;
      if (l == 0) {
        for (int i = 0; i < t.rows; ++i) model_.embedding.row(tokens[t.first + i], x + i * C);
      }
      take_input(l, R3MES_Q, R3MES_V, x, weights.input_norm.data(), shape_.hidden_size, t, arena, "input_layernorm input", "input_layernorm output");
    });
    float* const qkv[] = {y_.data(), k_.data(), v_.data()};
    project(l, R3MES_Q, R3MES_V, count, qkv, pool);
    attend(l, count, pool);
    each([&](const Tile& t, Arena& arena) {
      take_input(l, R3MES_O, R3MES_O, o_.data() + (length_ + t.first) * C, weights.attention_sub_norm.data(), shape_.hidden_size, t, arena,
                 "self_attn.attn_sub_norm input", "self_attn.attn_sub_norm output");
    });
    float* const y[] = {y_.data()};
    project(l, R3MES_O, R3MES_O, count, y, pool);
    const auto add = [&](const Tile& t) {
      float* x = x_.data() + t.first * C;
      const float* more = y_.data() + t.first * C;
      for (std::size_t i = 0; i < t.rows * C; ++i) x[i] += more[i];
    };
    each([&](const Tile& t, Arena& arena) {
      add(t);
      take_input(l, R3MES_GATE, R3MES_UP, x_.data() + t.first * C, weights.post_attention_norm.data(), shape_.hidden_size, t, arena,
                 "post_attention_layernorm input", "post_attention_layernorm output");
    });
    float* const gate_up[] = {gate_.data(), up_.data()};
    project(l, R3MES_GATE, R3MES_UP, count, gate_up, pool);
    each([&](const Tile& t, Arena& arena) {
      float* gate = gate_.data() + t.first * F;
      require_finite(gate, t.rows, shape_.ffn_size, where("mlp.gate_proj output", l, t.first));
      squared_relu(gate, up_.data() + t.first * F, t.rows * F, norm_.data() + t.first * F);
      take_input(l, R3MES_DOWN, R3MES_DOWN, norm_.data() + t.first * F, weights.ffn_sub_norm.data(), shape_.ffn_size, t, arena, "mlp.ffn_sub_norm input",
                 "mlp.ffn_sub_norm output");
    });
    project(l, R3MES_DOWN, R3MES_DOWN, count, y, pool);
    each([&](const Tile& t, Arena&) { add(t); });
  }
  if (wanted > 0) finish(count, logits, wanted, pool);
}

void Session::finish(int count, float* logits, int wanted, Pool& pool) {
  const int C = shape_.hidden_size, V = shape_.vocab_size;
  // What only a few rows of a long vocabulary need at once.
  const int at_once = std::clamp((1 << 22) / V, 4, 128);
  for (int i0 = 0; i0 < wanted; i0 += at_once) {
    const int m = std::min(at_once, wanted - i0), row = count - wanted + i0;
    const LinearInput input = input_.rows(0, m, C);
    pool.run(1, [&](int, Arena& arena) {
      for (int i = 0; i < m; ++i) {
        rms_norm(x_.data() + static_cast<std::size_t>(row + i) * C, model_.final_norm.data(), C, shape_.rms_epsilon, norm_.data() + static_cast<std::size_t>(i) * C,
                 arena, where("norm input", -1, row), i);
      }
      row16_rows(norm_.data(), C, m, C, input.row16.rows, where("norm output", -1, row));
      for (int i = 0; i < m; ++i) slice_row(input.row16, i, 0, padded(C));
    });
    float* out = logits + static_cast<std::size_t>(i0) * V;
    const int columns = std::max(kLanes, (V / (8 * pool.threads()) + kLanes - 1) / kLanes * kLanes);
    pool.run((V + columns - 1) / columns, [&](int part, Arena& arena) {
      head_columns(model_.head, input.row16, m, part * columns, std::min(V, (part + 1) * columns), out, arena);
    });
    require_finite_logits(model_.head, input.row16.rows, m, out, where("norm output", -1, row));
  }
}

}  // namespace r3mes::cpu

using namespace r3mes::cpu;

r3mes_status r3mes_session_create(r3mes_session** session, const r3mes_model* model, const r3mes_lora* lora, const float* adapter,
                                  size_t adapter_size, int32_t capacity, int32_t threads, r3mes_error* error) {
  *session = nullptr;
  const FloatEnvironment environment;
  return guarded(error, [&] { *session = new r3mes_session{Session(*model, lora, adapter, adapter_size, capacity, threads)}; });
}

void r3mes_session_destroy(r3mes_session* session) { delete session; }

int32_t r3mes_session_length(const r3mes_session* session) { return session->session.length(); }

r3mes_status r3mes_session_rewind(r3mes_session* session, int32_t length, r3mes_error* error) {
  return guarded(error, [&] { session->session.rewind(length); });
}

r3mes_status r3mes_session_extend(float* logits, int32_t wanted, r3mes_session* session, const int32_t* tokens, int32_t count,
                                  const r3mes_run_options* options, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] { session->session.extend(logits, wanted, tokens, count, *options); });
}

r3mes_status r3mes_sampling_weights(int32_t* weights, const float* logits, int32_t vocab, float temperature, r3mes_error* error) {
  const FloatEnvironment environment;
  return guarded(error, [&] {
    if (!(temperature > 0.0f) || !std::isfinite(temperature)) {
      refuse(R3MES_BAD_VALUE, "the temperature is " + std::to_string(temperature) + ", expected more than 0");
    }
    if (vocab < 1) refuse(R3MES_BAD_SHAPE, "there are no logits");
    require_finite(logits, 1, vocab, Where{"logits"});
    const float m = largest(logits, vocab);
    for (int v = 0; v < vocab; ++v) {
      const float t = (logits[v] - m) / temperature;
      weights[v] = t < -20.0f ? 0 : fix30(exp_nonpositive(t));  // also where the quotient is −infinity
    }
  });
}

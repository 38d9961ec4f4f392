#include "cache.h"

#include <algorithm>

#include "bits.h"
#include "head.h"

namespace r3mes::cpu {

KeyValueCache::KeyValueCache(int kv_heads, int head_size, int capacity) : head_size_(head_size), capacity_(capacity), heads_(kv_heads) {
  for (Head& head : heads_) {
    head.k_rows.assign(panels_size(head_size, capacity), 0);
    head.v_columns.assign(panels_size(capacity, head_size), 0);
    head.k_e.resize(capacity);
    head.k_pow.resize(capacity);
    head.v_pow.resize(capacity);
    head.k_fold.resize(capacity);
    head.v_fold.resize(capacity);
  }
}

void KeyValueCache::put(int head, int token, const float* key, const float* value, const Where& key_name, const Where& value_name) {
  Head& h = heads_[head];
  std::int16_t q[kMaxHeadSize];
  const Panels rows{h.k_rows.data(), padded(head_size_)}, columns{h.v_columns.data(), padded(capacity_)};
  const int k_e = row16(key, head_size_, q, key_name, 0);
  for (int c = 0; c < head_size_; ++c) rows.q[panel_index(rows, c, token)] = q[c];
  h.k_e[token] = k_e;
  h.k_pow[token] = pow2d(k_e);
  h.k_fold[token] = pow2f(k_e);
  const int v_e = row16(value, head_size_, q, value_name, 0);
  for (int c = 0; c < head_size_; ++c) columns.q[panel_index(columns, token, c)] = q[c];
  h.v_pow[token] = pow2d(v_e);
  h.v_fold[token] = pow2f(v_e);
}

KeyValue KeyValueCache::head(int index, int tokens) {
  Head& h = heads_[index];
  KeyValue kv{};
  kv.tokens = tokens;
  kv.head_size = head_size_;
  kv.k_rows = Panels{h.k_rows.data(), padded(head_size_)};
  kv.v_columns = Panels{h.v_columns.data(), padded(capacity_)};
  kv.k_pow = h.k_pow.data();
  kv.v_pow = h.v_pow.data();
  kv.k_fold = h.k_fold.data();
  kv.v_fold = h.v_fold.data();
  kv.k_exponent_max = *std::max_element(h.k_e.begin(), h.k_e.begin() + tokens);
  return kv;
}

}  // namespace r3mes::cpu

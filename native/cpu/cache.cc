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
    head.k_pow.assign(scales_size(capacity), 1.0f);
    head.v_fold.resize(capacity);
  }
}

void KeyValueCache::put(int head, int token, const float* key, const float* value, const Where& key_name, const Where& value_name) {
  Head& h = heads_[head];
  std::int16_t q[kMaxHeadSize];
  const Panels rows{h.k_rows.data(), padded(head_size_)}, columns{h.v_columns.data(), padded(capacity_)};
  h.k_e[token] = row16(key, head_size_, q, key_name, 0);
  for (int c = 0; c < head_size_; ++c) rows.set(token, c, q[c]);
  h.k_pow[token] = is_zero(q, head_size_) ? 1.0f : pow2f(h.k_e[token]);
  h.v_fold[token] = pow2f(row16(value, head_size_, q, value_name, 0));
  for (int c = 0; c < head_size_; ++c) columns.set(c, token, q[c]);
}

KeyValue KeyValueCache::head(int index, int tokens) {
  Head& h = heads_[index];
  KeyValue kv{};
  kv.tokens = tokens;
  kv.head_size = head_size_;
  kv.k_rows = Panels{h.k_rows.data(), padded(head_size_)};
  kv.v_columns = Panels{h.v_columns.data(), padded(capacity_)};
  kv.v_fold = h.v_fold.data();
  kv.k_scales = Scales{h.k_e.data(), h.k_pow.data(), 0, 0};
  kv.k_exponent_max = *std::max_element(h.k_e.begin(), h.k_e.begin() + tokens);
  bool any = false;
  for (int i = 0; i < tokens; ++i) {
    const int e = h.k_e[i];
    if (e == -126 && h.k_pow[i] == 1.0f) continue;  // a key of zeros spans nothing
    kv.k_scales.least = any ? std::min(kv.k_scales.least, e) : e;
    kv.k_scales.most = any ? std::max(kv.k_scales.most, e) : e;
    any = true;
  }
  return kv;
}

}  // namespace r3mes::cpu

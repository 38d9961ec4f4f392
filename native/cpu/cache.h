// Keys and values of the tokens of a session, one layer: packed as products take them, so that a new token is added in place.
#pragma once

#include <cstdint>
#include <vector>

#include "attention.h"

namespace r3mes::cpu {

/** Largest head that a model may have (r3mes/model.h), padded. */
constexpr int kMaxHeadSize = 1024;

class KeyValueCache {
 public:
  /** @param capacity most tokens. */
  KeyValueCache(int kv_heads, int head_size, int capacity);

  /** Puts key and value [head_size] of one head at `token`; what stood there is overwritten. Throws NOT_FINITE. */
  void put(int head, int token, const float* key, const float* value, const Where& key_name, const Where& value_name);

  /** The first `tokens` of one head, as attention takes them; valid until the next `put`. */
  KeyValue head(int index, int tokens);

 private:
  /** One KV head. */
  struct Head {
    std::vector<std::int16_t> k_rows;     // panels: terms the head's size, columns the tokens
    std::vector<std::int16_t> v_columns;  // panels: terms the tokens, columns the head's size
    std::vector<std::int32_t> k_e;        // of every token
    std::vector<float> k_pow;             // 2^e, 1 for a key of zeros
    std::vector<float> v_fold;            // 2^e
  };

  const int head_size_;
  const int capacity_;
  std::vector<Head> heads_;
};

}  // namespace r3mes::cpu

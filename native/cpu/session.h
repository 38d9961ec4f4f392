// A sequence that grows: the forward pass of job.h for the tokens that are new, with the keys and values of the old ones kept.
// Work is cut into tiles of tokens and, where there are few tokens, into columns of the outputs.
#pragma once

#include <cstdint>
#include <vector>

#include "cache.h"
#include "linear.h"
#include "model.h"
#include "pool.h"
#include "r3mes/generate.h"
#include "tables.h"

namespace r3mes::cpu {

/** Tokens that go through the layers at once: more is no faster and takes more memory. */
constexpr int kChunk = 512;

class Session {
 public:
  /** Throws Failure. */
  Session(const r3mes_model& model, const r3mes_lora* lora, const float* adapter, std::size_t adapter_size, int capacity, int threads);

  int length() const { return length_; }
  void rewind(int length);
  void extend(float* logits, int wanted, const std::int32_t* tokens, int count, const r3mes_run_options& options);

 private:
  /** Rows of an input in the forms that products take, with the memory that they lie in. */
  struct Input {
    std::vector<std::int16_t> act8, mantissas;
    std::vector<std::uint8_t> slices;
    std::vector<float> dequant_scale;
    std::vector<std::int32_t> e;

    void resize(int rows, int in);
    LinearInput rows(int first, int count, int in);
  };

  /** A x of each linear that shares an input. */
  struct Down {
    std::vector<float> u;
    std::vector<std::int16_t> mantissas;
    std::vector<std::uint8_t> slices;
    std::vector<std::int32_t> e;

    Left rows(int first, int rank);
  };

  struct Tile {
    int first;  // token of the chunk
    int rows;
  };

  void resize(int rows);
  void chunk(const std::int32_t* tokens, int count, float* logits, int wanted, Pool& pool);
  void attend(int layer, int count, Pool& pool);
  void finish(int count, float* logits, int wanted, Pool& pool);
  /** Norm and quantisation of the tile's rows of x, and A n of the linears first … last. */
  void take_input(int layer, int first, int last, const float* x, const float* norm, int n, const Tile& tile, Arena& arena, const char* in, const char* out);
  /** out[linear − first] [count, out] = W n + B A n of the linears first … last. */
  void project(int layer, int first, int last, int count, float* const* out, Pool& pool);

  Tile tile(int index, int count) const;
  int tiles(int count) const { return (count + tile_rows_ - 1) / tile_rows_; }
  const LoraLinear* lora(int layer, int linear) const;
  Where where(const char* tensor, int layer, int row) const { return Where{tensor, layer, 0, length_ + row}; }

  const r3mes_model& model_;
  const r3mes_model_shape& shape_;
  const int capacity_;
  int length_ = 0;
  std::uint32_t targets_ = 0;
  std::vector<LoraLinear> lora_;
  std::vector<KeyValueCache> caches_;  // of a layer
  RopeTable rope_;

  // Of all tokens: attention counts queries from the start of the sequence.
  std::vector<std::int16_t> q_;        // [head][token][padded(head_size)]
  std::vector<std::int32_t> q_e_;      // [head][token]
  std::vector<float> o_;               // [token][hidden]
  std::vector<float> row_max_, inverse_sum_;

  // Of the chunk that is being computed.
  int rows_ = 0;
  int tile_rows_ = 0;
  std::vector<float> x_, y_, k_, v_, gate_, up_, norm_;
  Input input_;
  Down down_[R3MES_LINEARS];
};

}  // namespace r3mes::cpu

/** The face's handle. */
struct r3mes_session {
  r3mes::cpu::Session session;
};

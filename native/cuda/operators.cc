#include "operators.h"

namespace r3mes::cuda {

namespace {

/** Above this many values a row takes a whole block of threads. */
constexpr int kShortRow = 256;

}  // namespace

void row16_rows(Device& device, const RawMatrix& x, std::int64_t ldx, std::int64_t rows, int n, const Planes& out, const Refusals& refusals) {
  if (n > kShortRow) {
    using K = Row16Rows<kRowThreads>;
    launch<K>(device, {rows}, {x, ldx, static_cast<std::int32_t>(rows), n, out, refusals});
  } else {
    using K = Row16Rows<kWarp>;
    launch<K>(device, {blocks_for(rows, K::kRows)}, {x, ldx, static_cast<std::int32_t>(rows), n, out, refusals});
  }
}

void transpose(Device& device, const Planes& in, const Planes& out, int rows, int columns, std::int64_t count) {
  launch<TransposePlanes>(device, {blocks_for(out.ld, TransposePlanes::kSide), blocks_for(columns, TransposePlanes::kSide), count},
                          {in, out, rows, columns});
}

void block_columns(Device& device, const float* x, int sequences, int tokens, int columns, const Planes& out, const Refusals& refusals) {
  const int blocks = canonical_blocks(tokens);
  Row16Columns::Args args{};
  args.x = x;
  args.ldx = columns;
  args.stride = static_cast<std::int64_t>(tokens) * columns;
  args.rows = tokens;
  args.columns = columns;
  args.blocks = blocks;
  args.out = out;
  args.refusals = refusals;
  launch<Row16Columns>(device, {blocks_for(columns, Row16Columns::kColumns), 1, static_cast<std::int64_t>(sequences) * blocks}, args);
}

void matrix_columns(Device& device, const float* x, int rows, int columns, const Planes& out, const Refusals& refusals) {
  Row16Columns::Args args{};
  args.x = x;
  args.ldx = columns;
  args.rows = rows;
  args.columns = columns;
  args.out = out;
  args.refusals = refusals;
  launch<Row16Columns>(device, {blocks_for(columns, Row16Columns::kColumns)}, args);
}

PlaneProductArgs product_of(const Planes& a, const Planes& b, std::int64_t rows, std::int64_t columns, int terms, float* y) {
  PlaneProductArgs args{};
  args.a = a;
  args.b = b;
  args.rows_a = args.rows_b = args.row_factors = args.matrices_y = {1, 0, 0, 0};
  args.rows = rows;
  args.columns = columns;
  args.terms = padded_terms(terms);
  args.factor = 1.0f;
  args.y = y;
  args.ldy = columns;
  return args;
}

void run_product(Device& device, const PlaneProductArgs& args, std::int64_t matrices) {
  const Grid grid{blocks_for(args.columns, kTile), blocks_for(args.rows, kTile), matrices};
  if (args.terms <= kFlushTerms) {
    launch<PlaneProduct<false>>(device, grid, args);
  } else {
    launch<PlaneProduct<true>>(device, grid, args);
  }
}

}  // namespace r3mes::cuda

// The GPU's entry points. Only nvcc compiles this file (scripts/build-cuda.js, or CMake with R3MES_CUDA=ON):
//   -fmad=false -ftz=false -prec-div=true -prec-sqrt=true
// so that every float operation is the one that docs/arithmetic.md writes.
#include "all.h"

using namespace r3mes::cuda;

#define R3MES_ENTRY(name, ...)                                                                        \
  extern "C" __global__ void __launch_bounds__(__VA_ARGS__::kThreads) name(const __VA_ARGS__::Args args) { \
    __shared__ __VA_ARGS__::Shared shared;                                                            \
    Block<__VA_ARGS__::kThreads> block;                                                               \
    __VA_ARGS__::run(block, shared, args);                                                            \
  }

R3MES_ENTRY(r3mes_embed, Embed)
R3MES_ENTRY(r3mes_add, AddRows)
R3MES_ENTRY(r3mes_norm, NormForward)
R3MES_ENTRY(r3mes_norm_scale, NormScale)
R3MES_ENTRY(r3mes_norm_backward, NormBackward)
R3MES_ENTRY(r3mes_rope_row16, RopeRow16)
R3MES_ENTRY(r3mes_rope_backward, RopeBackward)
R3MES_ENTRY(r3mes_row16_short, Row16Rows<kWarp>)
R3MES_ENTRY(r3mes_row16, Row16Rows<kRowThreads>)
R3MES_ENTRY(r3mes_row16_columns, Row16Columns)
R3MES_ENTRY(r3mes_transpose, TransposePlanes)
R3MES_ENTRY(r3mes_pack_ternary, PackTernary)
R3MES_ENTRY(r3mes_softmax, Softmax)
R3MES_ENTRY(r3mes_probabilities, Probabilities)
R3MES_ENTRY(r3mes_output_gradients, OutputGradients)
R3MES_ENTRY(r3mes_head_loss, HeadLoss)
R3MES_ENTRY(r3mes_require_finite, RequireFinite)
R3MES_ENTRY(r3mes_ternary_forward, TernaryProduct<1>)
R3MES_ENTRY(r3mes_ternary_backward, TernaryProduct<2>)
R3MES_ENTRY(r3mes_product, PlaneProduct<false>)
R3MES_ENTRY(r3mes_product_long, PlaneProduct<true>)
R3MES_ENTRY(r3mes_gradient_product, GradientProduct)

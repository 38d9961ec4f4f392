// Every kernel by name. R3MES_KERNELS(X) calls X(type) for each: the GPU's entry points and the twin's are made from it.
#pragma once

#include "norms.h"
#include "products.h"
#include "rows.h"
#include "softmax.h"

#define R3MES_KERNELS(X)                                                                                                      \
  X(Embed)                                                                                                                    \
  X(AddRows)                                                                                                                  \
  X(NormForward)                                                                                                              \
  X(NormScale)                                                                                                                \
  X(NormBackward)                                                                                                             \
  X(RopeRow16)                                                                                                                \
  X(RopeBackward)                                                                                                             \
  X(Row16Rows<kWarp>)                                                                                                         \
  X(Row16Rows<kRowThreads>)                                                                                                   \
  X(Row16Columns)                                                                                                             \
  X(TransposePlanes)                                                                                                          \
  X(PackTernary)                                                                                                              \
  X(Softmax)                                                                                                                  \
  X(Probabilities)                                                                                                            \
  X(OutputGradients)                                                                                                          \
  X(HeadLoss)                                                                                                                 \
  X(RequireFinite)                                                                                                            \
  X(TernaryProduct<1>)                                                                                                        \
  X(TernaryProduct<2>)                                                                                                        \
  X(PlaneProduct<false>)                                                                                                      \
  X(PlaneProduct<true>)                                                                                                       \
  X(GradientProduct)

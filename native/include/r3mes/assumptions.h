/** What the engine takes for granted of compiler and machine; a build where it does not hold stops here. */
#ifndef R3MES_ASSUMPTIONS_H
#define R3MES_ASSUMPTIONS_H

#include <cfloat>
#include <climits>
#include <cstdint>
#include <limits>

static_assert(CHAR_BIT == 8, "bytes of eight bits");
static_assert(sizeof(float) == 4 && std::numeric_limits<float>::is_iec559, "float is binary32");
static_assert(sizeof(double) == 8 && std::numeric_limits<double>::is_iec559, "double is binary64");
static_assert(FLT_EVAL_METHOD == 0, "float expressions are rounded to float (on 32-bit x86: -msse2 -mfpmath=sse)");
static_assert(std::numeric_limits<float>::has_denorm == std::denorm_present, "float has subnormals");
static_assert((-1 >> 1) == -1, "right shift of a negative integer keeps its sign");
static_assert(static_cast<std::int16_t>(0xffff) == -1, "two's complement");

#ifdef __FAST_MATH__
#error "the engine must not be compiled with -ffast-math"
#endif

#endif

// The inner loops of the integer products, once an instruction set; all give the same integers.
#pragma once

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VNNI__)
#include "micro_avx512.h"
#elif defined(__AVX2__)
#include "micro_avx2.h"
#else
#include "micro_portable.h"
#endif

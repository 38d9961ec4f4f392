// What must not be in the core's machine code, so that the test that looks for it is seen to find it.
#include <immintrin.h>

#include <cmath>

float plain(float a, float b) { return a * b; }

float fused(float a, float b, float c) { return a * b + c; }

float approximate(float x) { return _mm_cvtss_f32(_mm_rsqrt_ss(_mm_set_ss(x))); }

float library(float x) { return std::exp(x); }

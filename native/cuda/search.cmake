# Looks through PTX for what docs/arithmetic.md excludes: contraction, approximations, flushed subnormals, float atomics and
# float tensor cores.
#   cmake -DPTX=… -DARCHITECTURE=90 -P search.cmake
file(READ "${PTX}" text)
string(REPLACE ";" "\n" text "${text}")
set(type "\\.(f16|f16x2|bf16|bf16x2|f32|f32x2|f64)")
set(forbidden
  "[a-z0-9_.]*\\.approx[a-z0-9_.]*"        # ex2, lg2, rcp, rsqrt, sqrt, div, sin, cos, tanh
  "[a-z0-9_.]*\\.ftz[a-z0-9_.]*"
  "div\\.full[a-z0-9_.]*"
  "(fma|mad)\\.[a-z0-9_.]*(f16|bf16|f32|f64)[a-z0-9]*"
  "(add|sub|mul)${type}"                   # without .rn: ptxas may contract these
  "(atom|red)\\.[a-z0-9_.]*\\.(f16|f16x2|bf16|bf16x2|f32|f64)"
  "w?g?mma\\.[a-z0-9_.]*\\.(f16|bf16|tf32|e4m3|e5m2|f64)[a-z0-9_.]*"
)
set(found "")
foreach(pattern ${forbidden})
  string(REGEX MATCHALL "[\t ]${pattern}[\t ]" some "${text}")
  list(APPEND found ${some})
endforeach()
list(LENGTH found count)
if(count GREATER 0)
  list(SUBLIST found 0 10 first)
  message(FATAL_ERROR "FOUND ${count} instructions that the arithmetic excludes: ${first}")
endif()
if(NOT text MATCHES "mul\\.rn\\.f32" OR NOT text MATCHES "\\.entry r3mes_product_long")
  message(FATAL_ERROR "${PTX} does not hold the kernels: this is not the code that was meant")
endif()
if(ARCHITECTURE GREATER_EQUAL 75 AND NOT text MATCHES "mma\\.sync[a-z0-9_.]*\\.s32\\.s8\\.s8\\.s32")
  message(FATAL_ERROR "${PTX} does not use tensor cores")
endif()
if(ARCHITECTURE LESS 75 AND ARCHITECTURE GREATER_EQUAL 61 AND NOT text MATCHES "dp4a\\.s32\\.s32")
  message(FATAL_ERROR "${PTX} does not use dp4a")
endif()
message("cuda: nothing that the arithmetic excludes in ${PTX}")

# Compiles kernels/kernels.cu to a fat binary for every architecture that this nvcc knows, and looks through the PTX for what
# docs/arithmetic.md excludes. Needs no GPU.
#   cmake -DNVCC=… -DOUT=directory [-DARCHITECTURES=75;90] -P compile.cmake
# Leaves OUT/r3mes.fatbin and OUT/sm_XY.ptx.
cmake_minimum_required(VERSION 3.15...3.31)

# Pascal, Volta, Turing, Ampere (data centre and desktop), Ada, Hopper, Blackwell (data centre and desktop). CUDA 13 begins with
# Turing; for Pascal and Volta a toolkit of CUDA 12 compiles all of them.
if(NOT ARCHITECTURES)
  set(ARCHITECTURES 61 70 75 80 86 89 90 100 120)
endif()
# -fmad=false: no contraction; the rest: subnormals are kept, and ÷ and √ are rounded correctly.
set(flags -std=c++17 -O3 -fmad=false -ftz=false -prec-div=true -prec-sqrt=true -I ${CMAKE_CURRENT_LIST_DIR}/../include)
set(source ${CMAKE_CURRENT_LIST_DIR}/kernels/kernels.cu)
file(MAKE_DIRECTORY ${OUT})

execute_process(COMMAND ${NVCC} --list-gpu-code OUTPUT_VARIABLE known RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${NVCC} --list-gpu-code failed: ${result}")
endif()
set(wanted "")
foreach(architecture ${ARCHITECTURES})
  if(known MATCHES "sm_${architecture}[^0-9a-z]")
    list(APPEND wanted ${architecture})
  endif()
endforeach()
if(NOT wanted)
  message(FATAL_ERROR "${NVCC} knows none of ${ARCHITECTURES}")
endif()

set(generate "")
foreach(architecture ${wanted})
  list(APPEND generate -gencode arch=compute_${architecture},code=sm_${architecture})
endforeach()
# PTX of the oldest and the newest: for architectures in between without code of their own, and for those to come.
list(GET wanted 0 oldest)
list(GET wanted -1 newest)
set(ptx_of ${oldest} ${newest})
list(REMOVE_DUPLICATES ptx_of)
foreach(architecture ${ptx_of})
  list(APPEND generate -gencode arch=compute_${architecture},code=compute_${architecture})
endforeach()
execute_process(COMMAND ${NVCC} ${flags} ${generate} -fatbin ${source} -o ${OUT}/r3mes.fatbin RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "nvcc failed: ${result}")
endif()
foreach(architecture ${wanted})
  execute_process(COMMAND ${NVCC} ${flags} -arch=compute_${architecture} -ptx ${source} -o ${OUT}/sm_${architecture}.ptx RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "nvcc failed for sm_${architecture}: ${result}")
  endif()
  execute_process(COMMAND ${CMAKE_COMMAND} -DPTX=${OUT}/sm_${architecture}.ptx -DARCHITECTURE=${architecture} -P ${CMAKE_CURRENT_LIST_DIR}/search.cmake
                  RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "the PTX of sm_${architecture} holds what the arithmetic excludes")
  endif()
endforeach()
file(SIZE ${OUT}/r3mes.fatbin bytes)
math(EXPR kib "${bytes} / 1024")
message("cuda: ${OUT}/r3mes.fatbin, ${kib} KiB, for sm_${wanted}, PTX of ${ptx_of}")

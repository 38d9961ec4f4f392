# Looks through the machine code of a library for what docs/arithmetic.md excludes: fused multiply-adds, approximate
# reciprocals and roots, and a C library's elementary functions.
#   cmake -DOBJDUMP=… -DLIBRARY=… -P objects.cmake
if(NOT EXISTS "${OBJDUMP}")
  message("SKIPPED: objdump is not installed (Debian: apt-get install binutils), the machine code is not looked through")
  return()
endif()

execute_process(COMMAND "${OBJDUMP}" -d --no-show-raw-insn "${LIBRARY}" OUTPUT_VARIABLE code RESULT_VARIABLE result)
execute_process(COMMAND "${OBJDUMP}" -t "${LIBRARY}" OUTPUT_VARIABLE symbols RESULT_VARIABLE symbols_result)
if(NOT result EQUAL 0 OR NOT symbols_result EQUAL 0)
  message(FATAL_ERROR "objdump failed on ${LIBRARY}")
endif()
if(NOT code MATCHES "(v?mulp?s[sd]|v?mulps|fmul)")
  message(FATAL_ERROR "${LIBRARY} holds no float multiplication: this is not the code that was meant")
endif()

# x86, then ARM: FMA3 and FMA4; rcp, rsqrt of any width; fmadd, fmla; frecpe, frsqrte.
set(instructions "vfn?m(add|sub)[a-z0-9]*|v?rcp(14|28)?[ps][sdh]|v?rsqrt(14|28)?[ps][sdh]|fn?m(add|sub)|fml[as]l?2?|frecp[esx]|frsqrt[es]")
string(REGEX MATCHALL "[\t ](${instructions})[\t ][^\n]*" found "${code}")
set(functions "(exp|log|sin|cos|tan|pow|fma|exp2|log2|log1p|expm1|tanh|hypot)[fl]?")
string(REGEX MATCHALL "\\*UND\\*[^\n]*[\t ]${functions}\n" called "${symbols}")
if(found OR called)
  list(LENGTH found instructions_found)
  list(LENGTH called functions_called)
  list(APPEND found ${called})
  list(SUBLIST found 0 10 first)
  string(REPLACE ";" "\n  " first "${first}")
  message(FATAL_ERROR "FOUND ${instructions_found} instructions and ${functions_called} functions that the arithmetic excludes:\n  ${first}")
endif()
message("objects: nothing that the arithmetic excludes in ${LIBRARY}")

/** Which instruction set the engine was built for, and which ones this machine has. None of it changes a bit of a result. */
#ifndef R3MES_ISA_H
#define R3MES_ISA_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What this library was built for: "scalar", "avx2" or "avx512". */
const char *r3mes_isa(void);

/** Whether this machine runs a library built for `isa`; 0 for a name that is not known. */
int32_t r3mes_isa_supported(const char *isa);

#ifdef __cplusplus
}
#endif

#endif

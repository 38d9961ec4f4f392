// The compiled kernels inside the library. R3MES_CUDA_FATBIN is the path of the fat binary that nvcc made of kernels/kernels.cu;
// without it, the library has everything but kernels, and says so.
#include "gpu.h"

#if defined(R3MES_CUDA_FATBIN) && (defined(__GNUC__) || defined(__clang__)) && defined(__ELF__)

asm(".pushsection .rodata\n"
    ".balign 64\n"
    ".hidden r3mes_cuda_fatbin\n"
    ".global r3mes_cuda_fatbin\n"
    "r3mes_cuda_fatbin:\n"
    ".incbin \"" R3MES_CUDA_FATBIN "\"\n"
    ".popsection\n");

extern "C" const unsigned char r3mes_cuda_fatbin[];

const void* r3mes::cuda::kernel_image() { return r3mes_cuda_fatbin; }

#else

const void* r3mes::cuda::kernel_image() { return nullptr; }

#endif

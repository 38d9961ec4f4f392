// A GPU behind the CUDA driver.
#pragma once

#include <memory>

#include "device.h"
#include "r3mes/cuda.h"

namespace r3mes::cuda {

/** The compiled kernels: a fat binary with machine code of several architectures and PTX for all others; null in a build
 *  without them (image.cc). */
const void* kernel_image();

int gpu_count();
r3mes_cuda_device describe_gpu(int index);

/** Throws Failure. */
std::unique_ptr<Device> open_gpu(int index);

}  // namespace r3mes::cuda

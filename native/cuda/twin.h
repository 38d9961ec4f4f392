// The twin of a GPU: runs every kernel on the host, block after block and thread after thread. Slow, and exact to the bit: what it
// computes is what a GPU computes, so that the whole step is tested where there is no GPU.
#pragma once

#include <memory>

#include "device.h"

namespace r3mes::cuda {

/** `tensor`: with the twin of tensor cores, else with dp4a. */
std::unique_ptr<Device> make_twin(bool tensor);

}  // namespace r3mes::cuda

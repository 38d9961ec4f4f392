// The twin of a GPU: runs every kernel on the host, block after block and thread after thread. Slow, and exact to the bit: what it
// computes is what a GPU computes, so that the whole step is tested where there is no GPU.
#pragma once

#include <memory>

#include "device.h"

namespace r3mes::cuda {

/** `tensor`: with the twin of tensor cores, else with dp4a. `bytes`: what it says of its memory, and gives of it. */
std::unique_ptr<Device> make_twin(bool tensor, std::size_t bytes = std::size_t{1} << 31);

}  // namespace r3mes::cuda

// isa-runner ISA PROGRAM [ARGUMENT …]: runs the program if this machine has the instruction set, else says that it is skipped.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "r3mes/isa.h"

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  if (r3mes_isa_supported(argv[1]) == 0) {
    std::printf("SKIPPED: this machine has no %s\n", argv[1]);
    return 0;
  }
  std::string command;
  for (int i = 2; i < argc; ++i) command += std::string(i == 2 ? "\"" : " \"") + argv[i] + "\"";
  return std::system(command.c_str()) == 0 ? 0 : 1;
}

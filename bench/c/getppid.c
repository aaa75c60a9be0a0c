/* A system call that nobody intercepts: what remains is what the filter costs. */
#include "bench.h"
#include <sys/syscall.h>

static void step(void) { syscall(SYS_getppid); }

int main(int argc, char **argv) { return measure(argv, 256, step); }

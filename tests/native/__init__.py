"""C conformance programs, one per call or topic, and the tests that run them natively and under ptrace-net.

To add one: write ``NAME.c`` with ``#include "ends.h"``, call what is looked at inside ``SEE(...)``, give
it buffers from ``box_fill`` and print them with ``box_addr`` or ``box_value``, and print nothing that two
native runs, root and another user, or two kernels answer differently. The tests find the file by itself.
"""

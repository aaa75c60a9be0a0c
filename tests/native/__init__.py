"""C conformance programs, and the tests that compare their native output with ptrace-net's."""

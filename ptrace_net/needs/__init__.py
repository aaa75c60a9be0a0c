"""`ptrace-net needs`: which socket features a program uses, and which it cannot do without."""

"""Logs of kernels: each format turns lines into facts, one assembler turns facts into calls."""

"""What the bytes are: layouts, constants and architectures of the Linux socket ABI; no behaviour."""

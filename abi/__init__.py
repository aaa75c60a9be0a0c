"""What the bytes are: construct layouts, constants and architectures of the Linux socket ABI; no behaviour."""

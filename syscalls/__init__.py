"""What the calls are: argument kinds and directions, and the handlers, one module per family."""

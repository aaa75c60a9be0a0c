"""Runs that others can find: names, `--join`, and what `ptrace-net ps`, `ss` and `stop` ask of them."""

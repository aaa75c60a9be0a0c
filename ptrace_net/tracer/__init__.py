"""Interception: the engines, the seccomp filter, tasks, memory and start-up of traced programs."""

"""`ptrace-net doctor`: what this machine allows, and the remedy for what it does not."""

from ptrace_net.doctor.command import main as main

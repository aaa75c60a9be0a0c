"""``python -m ptrace_net``."""

import sys

from ptrace_net.cli import main

sys.exit(main())

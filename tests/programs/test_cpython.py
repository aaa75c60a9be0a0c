"""CPython's own tests of its network modules, where they are installed: `python -m test NAME`."""

import importlib.util
import re
import sys

import pytest
from support.runner import Runner

MODULES = [
    "test_httpservers",
    "test_ftplib",
    "test_socketserver",
    "test_poplib",
    "test_smtplib",
    "test_selectors",
]
SECONDS = 100

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("module", MODULES)
def test_module(runner: Runner, module: str, tmp_path: str) -> None:
    """As many tests pass as natively: all of them."""
    if not importlib.util.find_spec(f"test.{module}"):
        pytest.skip(f"this Python was installed without test.{module}")
    done = runner.run(sys.executable, "-m", "unittest", f"test.{module}", cwd=tmp_path, seconds=SECONDS)
    said = done.stderr.decode()
    assert done.returncode == 0, said[-3000:]
    assert int(re.search(r"Ran (\d+) tests", said)[1]) > 10

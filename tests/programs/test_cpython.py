"""CPython's own tests of its network modules, where they are installed: `python -m test NAME`."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest
from support.runner import Runner

MODULES = [
    "test_socket", "test_asyncio", "test_select", "test_selectors", "test_poll", "test_epoll", "test_ssl",
    "test_socketserver", "test_httpservers", "test_httplib", "test_ftplib", "test_smtplib", "test_imaplib",
    "test_poplib", "test_urllib2_localnet", "test_xmlrpc", "test_wsgiref", "test_multiprocessing_spawn",
]  # fmt: skip
SECONDS = 800
# With the stack provider these write to a peer that has gone: docs/limitations.md, "Emulated sockets".
NOT_ON_STACK = {
    "NetworkConnectionBehaviourTest.testOutsideTimeout",
    "ContextManagersTest.testCreateConnectionClose",
    "BufferIOTest.testRecvFromIntoSmallBuffer",
    "SimpleBackgroundTests.test_bio_read_write_data",
    "TestPreHandshakeClose.test_preauth_data_to_tls_client",
}
FAILED = re.compile(r"^(?:ERROR|FAIL): \S+ \([\w.]*?(\w+\.\w+)\)", re.MULTILINE)
# All that is in CPython's package of this name, which some releases do not install, unlike its tests.
SPAWN = """
from test._test_multiprocessing import install_tests_in_module_dict
install_tests_in_module_dict(globals(), "spawn")
"""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 100)]


def has_tests(module: str) -> bool:
    return importlib.util.find_spec(f"test.{module}") is not None


@pytest.mark.parametrize("module", MODULES)
def test_module(runner: Runner, module: str, tmp_path: Path) -> None:
    """What passes natively passes: all of them, but for what is listed above."""
    # AF_VSOCK's test waits for ever on machines that have the family and no peer.
    words = ["test", "-u", "network", "-v", "-i", "*VSOCK*", module]
    if not has_tests(module):
        if module != "test_multiprocessing_spawn" or not has_tests("_test_multiprocessing"):
            pytest.skip(f"this Python was installed without test.{module}")
        (tmp_path / f"{module}.py").write_text(SPAWN)
        words = ["unittest", "-v", module]
    done = runner.run(sys.executable, "-m", *words, cwd=tmp_path, seconds=SECONDS)
    said = (done.stdout + done.stderr).decode(errors="replace")
    allowed = NOT_ON_STACK if runner.name in ("stack", "joined") else set()
    assert set(FAILED.findall(said)) <= allowed, said[-3000:]
    assert sum(map(int, re.findall(r"Ran (\d+) tests?", said))) > 2, said[-3000:]

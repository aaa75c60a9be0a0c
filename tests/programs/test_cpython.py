"""CPython's own tests of its network modules, where they are installed: `python -m test NAME`."""

import importlib.util
import re
import sys

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
FAILED = re.compile(r"^(?:ERROR|FAIL): \S+ \(test\.[\w.]*?(\w+\.\w+)\)", re.MULTILINE)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(SECONDS + 100)]


@pytest.mark.parametrize("module", MODULES)
def test_module(runner: Runner, module: str, tmp_path: str) -> None:
    """What passes natively passes: all of them, but for what is listed above."""
    if not importlib.util.find_spec(f"test.{module}"):
        pytest.skip(f"this Python was installed without test.{module}")
    # AF_VSOCK's test waits for ever on machines that have the family and no peer.
    command = [sys.executable, "-m", "test", "-u", "network", "-v", "-i", "*VSOCK*", module]
    done = runner.run(*command, cwd=tmp_path, seconds=SECONDS)
    said = (done.stdout + done.stderr).decode(errors="replace")
    allowed = NOT_ON_STACK if runner.name in ("stack", "joined") else set()
    assert set(FAILED.findall(said)) <= allowed, said[-3000:]
    assert sum(map(int, re.findall(r"Ran (\d+) tests?", said))) > 2, said[-3000:]

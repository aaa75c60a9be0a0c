"""OpenSSH, whose server executes itself anew for every connection and drops privileges."""

import getpass
import hashlib
import os
import pwd
from pathlib import Path

import pytest
from support.deadline import wait_until
from support.ports import free_port
from support.session import Session

NEEDS = ["sshd", "ssh", "ssh-keygen"]

DATA = b"".join(b"line %d\n" % number for number in range(100_000))  # more than a window
QUIET = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes"]


def options(settings: list[str]) -> list[str]:
    return [word for setting in settings for word in ("-o", setting)]


def account_is_locked() -> bool:
    """Whether sshd, without PAM, refuses the user: no login shell, or "!" in shadow(5), which root reads."""
    if Path(pwd.getpwuid(os.getuid()).pw_shell).name in ("nologin", "false"):
        return True
    shadow = Path("/etc/shadow").read_text() if os.geteuid() == 0 else ""
    return any(line.startswith(f"{getpass.getuser()}:!") for line in shadow.splitlines())


@pytest.fixture
def ssh(session: Session) -> tuple[int, list[str]]:
    """A running server's port, and the words of a client that may log in as the user of the tests."""
    if account_is_locked():
        pytest.skip(f"the account {getpass.getuser()} is locked, sshd lets nobody in")
    folder = session.folder
    for key in ("host", "user"):
        session.output("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / key)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where Debian's sshd separates privileges
    settings = [f"AuthorizedKeysFile={folder}/user.pub", "StrictModes=no", "UsePAM=no", "PidFile=none"]
    port = free_port()
    server = ["sshd", "-D", "-e", "-f", "/dev/null", "-h", folder / "host", "-p", str(port)]
    sshd = session.output("sh", "-c", "command -v sshd").strip()  # it wants its whole path
    running = session.serve(sshd, *server[1:], *options([*settings, "PermitRootLogin=yes"]), port=port)
    wait_until(lambda: running.complaint().count("Server listening on") == 2, "sshd on both families")
    client = ["-F", "/dev/null", "-i", str(folder / "user"), "-p", str(port), *options(QUIET)]
    return port, ["ssh", *client, "-l", getpass.getuser()]


@pytest.mark.parametrize(("family", "address"), [("-4", "127.0.0.1"), ("-6", "::1")])
def test_ssh_login(session: Session, ssh: tuple[int, list[str]], family: str, address: str) -> None:
    """SSH_CONNECTION holds both names as the server's own sockets told them; standard input goes through."""
    port, client = ssh
    (session.folder / "data").write_bytes(DATA)
    told = session.output(*client, family, address, "echo $SSH_CONNECTION").split()
    assert (told[0], told[2:]) == (address, [address, str(port)])
    sent = session.output(*client, family, address, "sha256sum", stdin=session.folder / "data")
    assert sent.split()[0] == hashlib.sha256(DATA).hexdigest()


def test_ssh_status_of_the_remote_command(session: Session, ssh: tuple[int, list[str]]) -> None:
    _, client = ssh
    assert session.run(*client, "::1", "exit 23").status == 23

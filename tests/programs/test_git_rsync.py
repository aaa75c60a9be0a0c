"""git's and rsync's daemons: they listen on both families in one process and fork for every client."""

import os

from support.ports import free_port
from support.session import Session

NEEDS = ["git", "rsync"]

LOOPBACKS = ["127.0.0.1", "[::1]"]


def test_git_daemon(session: Session) -> None:
    """Clones and a push over either family."""
    folder = session.folder
    make = """
    git init -q --bare served.git && git init -q work && cd work
    git config user.email a@example.org && git config user.name a
    seq 100000 > file && git add file && git commit -q -m one
    git push -q ../served.git HEAD:refs/heads/main
    git -C ../served.git symbolic-ref HEAD refs/heads/main
    """
    session.output("sh", "-e", "-c", make)
    port = free_port()
    serve = ["daemon", "--export-all", "--enable=receive-pack", f"--base-path={folder}", f"--port={port}"]
    session.serve("git", *serve, "--reuseaddr", folder, port=port)
    for number, host in enumerate(LOOPBACKS):
        url = f"git://{host}:{port}/served.git"
        session.output("git", "clone", "-q", url, f"clone{number}")
        cloned = (folder / f"clone{number}" / "file").read_bytes()
        assert cloned == (folder / "work" / "file").read_bytes()
        session.output("git", "-C", f"clone{number}", "push", "-q", url, f"HEAD:refs/heads/branch{number}")
        assert f"refs/heads/branch{number}" in session.output("git", "ls-remote", url)


def test_rsync_daemon(session: Session) -> None:
    """Files over either family; the log names the clients."""
    folder = session.folder
    (folder / "module").mkdir()
    (folder / "module" / "file").write_bytes(bytes(range(256)) * 8000)
    settings = f"use chroot = no\nreverse lookup = no\nlog file = rsyncd.log\nuid = {os.geteuid()}\n"
    (folder / "rsyncd.conf").write_text(f"{settings}[module]\npath = module\n")
    port = free_port()
    daemon = ["--daemon", "--no-detach", "--config=rsyncd.conf", f"--port={port}"]
    session.serve("rsync", *daemon, port=port)
    for number, host in enumerate(LOOPBACKS):
        session.output("rsync", "-a", f"rsync://{host}:{port}/module/", f"copy{number}/")
        copied = (folder / f"copy{number}" / "file").read_bytes()
        assert copied == (folder / "module" / "file").read_bytes()
    log = (folder / "rsyncd.log").read_text()
    assert "(127.0.0.1)" in log
    assert "(::1)" in log

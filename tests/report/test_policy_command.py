"""`ptrace-net policy`: what is listed can be shown, what is shown is right, what is wrong is said."""

import subprocess
from pathlib import Path

SECONDS = 20


def policy(command: list[str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command, "policy", *words], capture_output=True, text=True, timeout=SECONDS, check=False
    )


def test_what_is_listed_can_be_shown_and_is_right(tmp_path: Path, ptrace_net_command: list[str]) -> None:
    listed = policy(ptrace_net_command, "list").stdout.splitlines()
    names = [line.split()[0] for line in listed]
    assert names
    for name in names:
        shown = policy(ptrace_net_command, "show", name)
        assert shown.returncode == 0
        file = tmp_path / "shown.toml"
        file.write_text(shown.stdout)
        assert policy(ptrace_net_command, "check", str(file)).returncode == 0


def test_a_wrong_file_is_told_by_line_and_key(tmp_path: Path, ptrace_net_command: list[str]) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text('\nserve = "ipv5"\n')
    done = policy(ptrace_net_command, "check", str(file))
    assert done.returncode == 125
    assert f"{file}:2: serve:" in done.stderr


def test_an_unknown_name(ptrace_net_command: list[str]) -> None:
    done = policy(ptrace_net_command, "show", "nothing")
    assert done.returncode == 125
    assert "policy nothing:" in done.stderr

"""``explain``: what it prints, checked as text; what it refuses; that docs/abi/ is not stale."""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptrace_net.abi import catalog
from ptrace_net.abi.arch import ARCHES, I386, X86_64, Arch
from ptrace_net.abi.constants.errno import ERRNO
from ptrace_net.abi.errors import AbiError
from ptrace_net.abi.sockaddr import sockaddr_in6
from ptrace_net.abi.sockopt import OPTIONS, Option
from ptrace_net.explain import docs, layouts, lookup, main, streams, subjects, svg, text
from ptrace_net.explain.calls import CALLS
from ptrace_net.explain.examples import CONTROL, MSGHDR, NAME, NEWADDR
from ptrace_net.explain.page import ByteMap
from ptrace_net.syscalls.table import ARGUMENTS

EXPECTED = Path(__file__).with_name("expected")
DOCS = Path(__file__).resolve().parents[2] / "docs" / "abi"


def explained(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line on standard error; nothing on standard output."""
    assert main(list(words)) == 125
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert told.err.startswith("ptrace-net explain: ")
    return told.err


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sockaddr_in6", ("sockaddr_in6",)),
        ("msghdr", ("msghdr", MSGHDR, "--name", NAME, "--control", CONTROL)),
        ("newaddr", ("netlink", NEWADDR)),
        ("epoll_event", ("epoll_event", "--arch", "x86_64,aarch64")),
        ("sendmsg", ("sendmsg",)),
        ("linger", ("SO_LINGER",)),
        ("econnrefused", ("ECONNREFUSED",)),
    ],
)
def test_text(capsys: pytest.CaptureFixture[str], name: str, words: tuple[str, ...]) -> None:
    assert explained(capsys, *words) == (EXPECTED / f"{name}.txt").read_text()


def test_docs_are_not_stale() -> None:
    assert docs.stale(DOCS) == []


def test_docs_hold_the_examples_that_are_checked_here() -> None:
    examples = (DOCS / "examples.md").read_text()
    for name in ("sockaddr_in6", "msghdr", "newaddr"):
        assert (EXPECTED / f"{name}.txt").read_text() in examples
    assert {path.stem for path in (DOCS / "svg").iterdir()} == set(catalog.layouts())


def test_stale_docs_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert docs.main([str(tmp_path)]) == 0
    assert docs.main(["--check", str(tmp_path)]) == 0
    (tmp_path / "calls.md").write_text("old")
    (tmp_path / "extra.md").write_text("")
    (tmp_path / "svg" / "linger.svg").unlink()
    assert docs.main(["--check", str(tmp_path)]) == 1
    told = capsys.readouterr().err.splitlines()
    assert told == ["missing: svg/linger.svg", "left over: extra.md", "stale: calls.md"]
    assert docs.main([str(tmp_path)]) == 0
    assert docs.stale(tmp_path) == []


@pytest.mark.parametrize(
    "name", [*catalog.layouts(), *CALLS, *ARCHES, "RTM_NEWROUTE", "AF_INET6", "SIOCGIFFLAGS"]
)
def test_every_subject_has_a_page(capsys: pytest.CaptureFixture[str], name: str) -> None:
    shown = explained(capsys, name)
    assert name in shown
    assert max(map(len, shown.splitlines())) <= 130


def test_every_option_and_error_has_a_page() -> None:
    for option in OPTIONS.values():
        assert option.doc in text.render(lookup.page(option.name, (X86_64,)))
    for name in ERRNO:
        assert str(ERRNO[name]) in text.render(lookup.page(name, (X86_64,)))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("SO_LINGER", "0100000005000000"), "l_linger = 5"),
        (("SO_ERROR", "6f000000"), "ECONNREFUSED"),
        (("IP_MTU_DISCOVER", "02"), "IP_PMTUDISC_DO"),
        (("TCP_CONGESTION", "6262720000"), '"bbr'),
        (("TCP_INFO", "01" + "00" * 103), "tcpi_total_retrans"),
        (("IP_MULTICAST_IF", "7f000001"), "127.0.0.1"),
        (("111",), "ECONNREFUSED"),
        (("--", "-98"), "EADDRINUSE"),
        (("MSG_NOSIGNAL",), "EPIPE without SIGPIPE"),
        (("SIOCGIFMTU",), "MTU in bytes"),
        (("FIONREAD",), "bytes to read"),
        (("SO_INQ",), "SCM_INQ"),
        (("IP_LOCAL_PORT_RANGE",), "51"),
        (("IFLA_MTU",), "linux/if_link.h"),
        (("SO_RCVTIMEO", "--arch", "i386,x86_64"), "differs"),
        (("020000507f0000010000000000000000",), "127.0.0.1:80"),
    ],
)
def test_values_of_options_and_other_subjects(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert said in explained(capsys, *words)


def test_names_as_the_manual_writes_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert explained(capsys, "struct linger") == explained(capsys, "linger")
    assert explained(capsys, "sendmsg(2)") == explained(capsys, "sendmsg")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("sockadr_in6",), "did you mean sockaddr_in6"),
        (("IPV6_VONLY",), "IPV6_V6ONLY"),
        (("econrefused",), "ECONNREFUSED"),
        (("zzzzzz",), "nothing here is called 'zzzzzz'"),
        (("sockaddr_in6", "0a00zz"), "bad hexadecimal: 'z' is no digit"),
        (("sockaddr_in6", "0a0"), "bad hexadecimal: 3 digits make no whole bytes"),
        (("sockaddr_in6", "0a000050"), "sockaddr_in6.sin6_flowinfo at offset 4: truncated: 4 of 28 bytes"),
        (("linger", "00" * 9), "linger at offset 8: 1 trailing bytes after its 8"),
        (("sockadr", "0a00"), "no layout is called 'sockadr'; did you mean sockaddr"),
        (("sendmsg", "0a00"), "no layout is called 'sendmsg'"),
        (("linger", "--arch", "vax"), "no architecture is called 'vax'"),
        (("EINVAL", "--format", "svg"), "EINVAL has no byte map to draw"),
        (("linger", "--control", "00"), "--control and --name go with the bytes of a msghdr"),
        (("msghdr", MSGHDR, "--control", "00"), "msg_controllen says 56, but 1 bytes of control were given"),
        (("netlink", "00" * 20, "--protocol", "rout"), "no netlink protocol is called 'rout'; did you mean"),
        (("netlink", "0000"), "nlmsghdr.nlmsg_len at offset 0: truncated: 2 of 16 bytes"),
        (("control", "ff" * 16), "cmsghdr.cmsg_len at offset 0"),
        (("0200005000000000",), "these 8 bytes fit no reading"),
        (("linger", "/"), "/: Is a directory"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert said in refused(capsys, *words)


@pytest.mark.parametrize(
    "form", ["0a:00:01:bb", "0a0001bb", "0x0a 0x00 0x01 0xbb", r"\x0a\x00\x01\xbb", "0a-00,01 bb"]
)
def test_forms_of_hexadecimal(capsys: pytest.CaptureFixture[str], form: str) -> None:
    shown = explained(capsys, "sockaddr", form + "00" * 24)
    assert "port 443" in shown


def test_bytes_of_a_file_and_of_standard_input(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = sockaddr_in6.build((10, 443, 0, bytes(15) + b"\1", 0))
    binary, digits = tmp_path / "binary", tmp_path / "digits"
    binary.write_bytes(data)
    digits.write_text(data.hex(" ") + "\n")
    wanted = explained(capsys, "sockaddr_in6", data.hex())
    assert explained(capsys, "sockaddr_in6", str(binary)) == wanted
    assert explained(capsys, "sockaddr_in6", str(digits)) == wanted
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert explained(capsys, "sockaddr_in6", "-") == wanted


@pytest.mark.parametrize(
    ("data", "title"),
    [
        (NEWADDR, "netlink, 80 bytes"),
        (CONTROL, "control messages, 56 bytes"),
        (NAME, "struct sockaddr_in, 16 bytes"),
        ("0100002f6e616d6500", "struct sockaddr_un, 9 bytes"),
    ],
)
def test_bytes_without_a_layout_are_guessed(
    capsys: pytest.CaptureFixture[str], data: str, title: str
) -> None:
    assert explained(capsys, data).startswith(title)


def test_other_byte_orders(capsys: pytest.CaptureFixture[str]) -> None:
    shown = explained(capsys, "sockaddr", "000a01bb" + "00" * 24, "--arch", "s390x")
    assert "AF_INET6: [::]:443" in shown


def test_zeros_after_a_request_are_mentioned(capsys: pytest.CaptureFixture[str]) -> None:
    shown = explained(capsys, "netlink", NEWADDR + "00" * 12)
    assert "12 bytes that are no message" in shown


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    page = json.loads(explained(capsys, "linger", "0100000005000000", "--format", "json"))
    rows = next(block for block in page["blocks"] if block["type"] == "table")["rows"]
    assert [(row["field"], row["value"]) for row in rows] == [("l_onoff", "1"), ("l_linger", "5")]
    cells = next(block for block in page["blocks"] if block["type"] == "bytes")["cells"]
    assert [(cell["offset"], cell["size"]) for cell in cells] == [(0, 4), (4, 4)]


def test_html_is_whole(capsys: pytest.CaptureFixture[str]) -> None:
    class Balance(HTMLParser):
        void = ("meta",)
        open_tags: list[str]

        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag not in self.void:
                self.open_tags.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open_tags.pop() == tag

        def handle_startendtag(self, tag: str, attrs: object) -> None:
            assert tag == "rect"

    for words in (("msghdr",), ("sendmsg",), ("netlink", NEWADDR)):
        parser = Balance()
        parser.open_tags = []
        parser.feed(explained(capsys, *words, "--format", "html"))
        assert parser.open_tags == []


@pytest.mark.parametrize("layout", catalog.layouts().values(), ids=lambda each: each.name)
def test_maps_cover_every_byte_once(layout: catalog.Layout) -> None:
    for arch in ARCHES.values():
        block = layouts.byte_map(layout, arch)
        ends = [cell.offset + cell.size for cell in block.cells]
        assert [cell.offset for cell in block.cells] == [0, *ends[:-1]]
        assert ends[-1] == layout.size(arch)


@pytest.mark.parametrize("layout", catalog.layouts().values(), ids=lambda each: each.name)
def test_svg_is_xml_and_draws_every_field(layout: catalog.Layout) -> None:
    root = ElementTree.fromstring(svg.render(layouts.byte_map(layout, I386), layout.c))
    titles = [each.text or "" for each in root.iter("{http://www.w3.org/2000/svg}title")]
    for leaf in layouts.leaves(layout, I386):
        assert any(title.startswith(f"{leaf.name}:") for title in titles)


def test_colour_only_where_asked_for() -> None:
    page = lookup.page("linger", (X86_64,))
    assert "\x1b" not in text.render(page)
    plain = text.render(page, colour=True).replace("\x1b[0m", "")
    assert "\x1b[36m l_onoff" in plain


def test_the_corner_of_a_field_that_ends_inside_a_row() -> None:
    block = ByteMap("", 12, layouts.byte_map(catalog.layouts()["sockaddr_nl"], X86_64).cells)
    assert list(text.byte_map(block, text._Style(False)))[-2:] == [
        "   8 │ nl_groups <                   │", "     └───────────────────────────────┘",
    ]  # fmt: skip


def test_calls_document_every_argument_and_known_errors() -> None:
    for call in CALLS.values():
        documented = dict(call.docs).keys() | {"sockfd"}
        assert {each.name for each in call.arguments} <= documented | {"flags"}, call.name
        assert documented - {"sockfd"} <= {each.name for each in call.arguments}, call.name
        assert {name for name, _ in call.errors} <= set(ERRNO), call.name
        for flag, _ in call.flag_docs:
            assert any(flag in table for table in call.flags), (call.name, flag)
    assert set(ARGUMENTS) - {"recvmmsg_time64"} <= set(CALLS)


def test_the_command_line() -> None:
    command = [sys.executable, "-m", "ptrace_net", "explain"]
    done = subprocess.run([*command, "linger"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "l_onoff" in done.stdout
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 125
    assert "usage:" in done.stderr


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -m ptrace_net explain SO_RCVBUF | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


BOUNDED = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
ANY_ARCH = st.sampled_from(list(ARCHES.values()))


@BOUNDED
@given(st.binary(max_size=160), ANY_ARCH, st.sampled_from([0, 4, 16]))
def test_no_bytes_break_a_page(data: bytes, arch: Arch, protocol: int) -> None:
    attempts = (
        lambda: streams.sockaddr_page(data, arch),
        lambda: streams.control_page(data, arch),
        lambda: streams.netlink_page(data, protocol, arch),
    )
    for attempt in attempts:
        with contextlib.suppress(AbiError):
            text.render(attempt())


@BOUNDED
@given(st.data(), st.sampled_from(list(catalog.layouts().values())), ANY_ARCH)
def test_no_values_break_the_page_of_a_layout(
    data: st.DataObject, layout: catalog.Layout, arch: Arch
) -> None:
    size = layout.size(arch)
    content = data.draw(st.binary(min_size=size, max_size=size))
    page = layouts.value_page(layout, content, arch)
    assert text.render(page)
    assert ElementTree.fromstring(svg.render(page.maps[0])) is not None


@BOUNDED
@given(st.binary(max_size=120), st.sampled_from(list(OPTIONS.values())), ANY_ARCH)
def test_no_bytes_break_the_page_of_an_option(data: bytes, option: Option, arch: Arch) -> None:
    with contextlib.suppress(AbiError):
        text.render(subjects.option_value_page(option, data, arch))


@BOUNDED
@given(st.text(max_size=20))
def test_no_word_breaks_explain(word: str) -> None:
    with contextlib.suppress(lookup.Unknown):
        lookup.page(word, (X86_64,))

"""The shape of the tree: which way imports go, what is packaged, how long files are.

Imports are read with ast, so that those inside functions count too.
"""

import ast
import configparser
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("abi", "syscalls", "policies", "ptrace_net")

# Which folders' modules a folder may import: abi ← syscalls, policies ← ptrace_net.
ALLOWED = {
    "abi": {"abi"},
    "syscalls": {"abi", "syscalls"},
    "policies": {"abi", "policies"},
    "ptrace_net": set(FOLDERS),
}

MOST_LINES = 400
# Files that may be longer, and why.
LONGER: dict[str, str] = {}


# How ctypes is given memory, and our own names for it.
ADDRESSES = {"addressof", "byref", "cast", "from_buffer", "pointer", "place", "address"}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def tracked(*folders: str) -> list[Path]:
    """The files that git tracks and that exist; the checkout may belong to another user."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--", *folders]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in names.split("\0") if name and (path := ROOT / name).is_file()]


def package_name(folder: Path) -> str:
    """The name that a folder of the checkout is imported by: abi/arch → ptrace_net.abi.arch."""
    parts = folder.relative_to(ROOT).parts
    return ".".join(parts if parts[0] == "ptrace_net" else ("ptrace_net", *parts))


def imported(path: Path) -> Iterator[str]:
    """Every module name that a file imports, relative ones resolved; ``from a import b`` gives a and a.b."""
    package = package_name(path.parent).split(".")
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)


def layer(name: str) -> str | None:
    """The folder that an imported name belongs to; None for other distributions and for plain ptrace_net."""
    top, _, rest = name.partition(".")
    if top != "ptrace_net" or not rest:
        return None
    first = rest.partition(".")[0]
    return first if first in FOLDERS else "ptrace_net"


@pytest.mark.parametrize("folder", FOLDERS)
def test_imports_go_one_way(folder: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(folder)
        for name in imported(path)
        if layer(name) not in {None, *ALLOWED[folder]}
    ]
    assert not wrong


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_mapped_packages_are_imported_by_their_full_names(folder: str) -> None:
    """``import abi`` works by accident where the checkout is the working directory, and nowhere else."""
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(folder)
        for name in imported(path)
        if name.partition(".")[0] in ("abi", "syscalls", "policies")
    ]
    assert not wrong


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def test_setup_cfg_lists_every_package() -> None:
    in_tree = {package_name(path.parent) for path in tracked(*FOLDERS) if path.suffix == ".py"}
    listed = setup_cfg()["options"]["packages"].split()
    assert listed == sorted(in_tree)


def test_setup_cfg_packs_every_data_file() -> None:
    data = setup_cfg()["options.package_data"]
    wrong = []
    for path in (path for path in tracked(*FOLDERS) if path.suffix != ".py"):
        package = next(folder for folder in path.parents if (folder / "__init__.py").exists())
        patterns = data.get(package_name(package), "").split()
        if not any(path in package.glob(pattern) for pattern in patterns):
            wrong.append(str(path.relative_to(ROOT)))
    assert not wrong


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for folder in FOLDERS for path in modules(folder)}
    assert not [str(folder.relative_to(ROOT)) for folder in folders if not (folder / "__init__.py").exists()]


def lines(path: Path) -> int:
    return len(path.read_bytes().splitlines())


def test_files_are_short() -> None:
    lengths = {str(path.relative_to(ROOT)): lines(path) for folder in FOLDERS for path in modules(folder)}
    lengths |= {str(path.relative_to(ROOT)): lines(path) for path in modules("bench")}
    too_long = {name: count for name, count in lengths.items() if count > MOST_LINES}
    assert too_long.keys() == LONGER.keys()


def test_no_tracked_file_names_a_place_on_one_machine() -> None:
    """The checkout's own place and the home folder say nothing to anybody else."""
    places = re.compile("|".join(rf"(?<![\w.]){re.escape(str(place))}/\w" for place in (ROOT, Path.home())))
    wrong = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in tracked()
        for match in places.finditer(path.read_text(errors="replace"))
    ]
    assert not wrong


def test_compiled_modules_are_fit_for_it() -> None:
    """They let go of a local object after its last use in Python: the kernel may still be to use its memory.
    And mypyc makes something else of cached_property.
    """
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    wrong = []
    for name in config["compiled"]["modules"].split():
        inner = name.removeprefix("ptrace_net.").replace(".", "/")
        found = [
            path
            for folder in (inner, f"ptrace_net/{inner}")
            for path in (ROOT / f"{folder}.py", ROOT / folder / "__init__.py")
            if path.is_file()
        ]
        assert found, name
        source = found[0].read_text()
        if "cached_property" in source:
            wrong.append(name)
        wrong += [f"{name}:{line}" for line in addresses_of_locals(source)]
    assert not wrong


def test_addresses_of_locals_are_found() -> None:
    """The one above would see them."""
    source = "def f(data):\n    own = bytearray(9)\n    place(room), address(data)\n    g({})\n"
    assert addresses_of_locals(source.format("own")) == []
    assert addresses_of_locals(source.format("place(own)")) == [4]
    assert addresses_of_locals(source.format("ctypes.cast(ctypes.c_char_p(own), x)")) == [4]
    assert addresses_of_locals(source.format("ctypes.addressof(c_char.from_buffer(bytearray(9)))")) == [4]


def addresses_of_locals(source: str) -> list[int]:
    """The lines on which a function takes the address of an object that it has made itself."""
    lines = []
    for function in [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]:
        nodes = list(ast.walk(function))
        own = {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        for call in [node for node in nodes if isinstance(node, ast.Call) and called(node) in ADDRESSES]:
            given = [inner for each in call.args for inner in ast.walk(each)]
            names = {inner.id for inner in given if isinstance(inner, ast.Name)}
            made = {called(inner) for inner in given if isinstance(inner, ast.Call)}
            if names & own or made - ADDRESSES - {"c_char_p"}:
                lines.append(call.lineno)
    return sorted(set(lines))


def called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")

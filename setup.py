"""With PTRACE_NET_COMPILE=1 the modules that most calls pass are compiled too, by mypyc (of the package mypy)
and a C compiler: the same, faster. Which ones, and all else, is in setup.cfg.
"""

import configparser
import os
import sys
from contextlib import chdir

from setuptools import Distribution, setup
from setuptools.command.build_ext import build_ext


def modules():
    config = configparser.ConfigParser()
    config.read("setup.cfg")
    return [name.replace(".", "/") for name in config["compiled"]["modules"].split()]


class Compiled(Distribution):
    """Has extensions, whose names are known once the packages have their layout."""

    def has_ext_modules(self):
        return True


class Compile(build_ext):
    """Compiles what build_py has laid out."""

    def run(self):
        from mypyc.build import mypycify

        self.run_command("build_py")
        build = self.get_finalized_command("build")
        c_files, wanted = os.path.abspath(build.build_temp), modules()
        config = os.path.abspath("pyproject.toml")
        with chdir(build.build_lib):
            files = [f"{path}/__init__.py" if os.path.isdir(path) else f"{path}.py" for path in wanted]
            self.distribution.ext_modules = mypycify(
                ["--config-file", config, "--ignore-missing-imports", *files],
                target_dir=c_files, opt_level="2", debug_level="0",
            )  # fmt: skip
        self.distribution.reinitialize_command(self).ensure_finalized()
        super().run()


# What is installed to be edited stays Python.
if os.environ.get("PTRACE_NET_COMPILE") == "1" and "editable_wheel" not in sys.argv:
    setup(distclass=Compiled, cmdclass={"build_ext": Compile}, setup_requires=["mypy"])
else:
    setup()

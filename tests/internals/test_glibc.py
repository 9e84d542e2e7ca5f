"""Freed memory that is kept is not asked of the system again."""

import ctypes
import platform
import subprocess
import sys

import pytest

from melgen.internals import glibc

PAGES_OF_LATER_BLOCKS = """
import ctypes, resource, sys
from melgen.internals.glibc import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
memory = ctypes.CDLL(None)
memory.malloc.restype = ctypes.c_void_p
memory.free.argtypes = memory.memset.argtypes = None
size = 12 * 2**20
def use():  # several blocks at once, as in a training step
    blocks = [memory.malloc(ctypes.c_size_t(size)) for _ in range(8)]
    for block in blocks:
        memory.memset(ctypes.c_void_p(block), 1, ctypes.c_size_t(size))
    for block in blocks:
        memory.free(ctypes.c_void_p(block))
for _ in range(3):
    use()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
use()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="not glibc")
def test_blocks_are_used_again_without_new_pages():
    pages = {}
    for what in ("keep", "default"):
        found = subprocess.run(
            [sys.executable, "-c", PAGES_OF_LATER_BLOCKS, what], capture_output=True, text=True, check=True
        )
        pages[what] = int(found.stdout)
    assert pages["keep"] < 100
    assert pages["default"] > 10_000


@pytest.mark.parametrize("platform_name", ["win32", "darwin"])
def test_a_system_without_it(monkeypatch, platform_name):
    monkeypatch.setattr(sys, "platform", platform_name)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert not glibc.keep_freed_memory()

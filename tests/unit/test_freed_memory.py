"""Freed memory stays with the process where glibc is asked, and what a user has set is left alone."""

import os
import platform
import subprocess
import sys

import pytest

# Blocks of 9 MB, one after the other, each touched: what a decoded photograph of three megapixels needs.
PROBE = """
import resource
from facetwise.__main__ import keep_freed_memory

kept = keep_freed_memory()
block = bytearray(9_000_000)
del block
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    block = bytearray(9_000_000)
    block[::4096] = bytes(len(block[::4096]))
    del block
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES = 20 * 9_000_000 // 4096


def _probed(**environment: str) -> tuple[bool, int]:
    told = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_"))}
    done = subprocess.run(
        [sys.executable, "-c", PROBE], env={**told, **environment}, capture_output=True, text=True, check=True
    )
    kept, faults = done.stdout.split()
    return kept == "True", int(faults)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc knows how")
def test_a_block_is_used_again() -> None:
    kept, faults = _probed()
    assert kept
    assert faults < PAGES / 10, "each page of each block went through the kernel"


@pytest.mark.parametrize("name", ["MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"])
def test_what_a_user_has_set_stays(name: str) -> None:
    kept, _ = _probed(**{name: "131072"})
    assert not kept

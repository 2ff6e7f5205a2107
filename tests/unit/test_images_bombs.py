"""Small files that would fill the memory are refused from their first bytes: quickly, and with no memory."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pictures import encode, photograph
from zoo import bombs

# In a process of its own, so that the peak is that of this file alone. Prints reason, seconds and bytes of every file.
_READER = """
import json, sys, time
from pathlib import Path
from facetwise.errors import ImageError
from facetwise.images import decode, quiet_decoder, read_bytes

def peak():
    text = Path("/proc/self/status").read_text()
    return int(text.split("VmHWM:")[1].split()[0]) * 1024

def read(path):
    try:
        decode(read_bytes(path))
    except ImageError as error:
        return error.reason
    return "ok"

found = []
with quiet_decoder():
    for path in sys.argv[1:]:
        before, began = peak(), time.perf_counter()
        reason = read(Path(path))
        found.append([reason, time.perf_counter() - began, peak() - before])
print(json.dumps(found))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc")
def test_a_bomb_costs_no_time_and_no_memory(tmp_path: Path) -> None:
    # Sound pictures first: with them, Pillow loads its plugins.
    sound = []
    for kind in ("PNG", "GIF"):
        sound.append(tmp_path / f"sound.{kind}")
        sound[-1].write_bytes(encode(photograph(1), kind))
    expected = bombs(tmp_path)
    assert (tmp_path / "900_megapixels.png").stat().st_size < 3_000_000
    command = [sys.executable, "-c", _READER, *sound, *(tmp_path / name for name, _ in expected)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    found = json.loads(done.stdout)
    assert [reason for reason, _, _ in found] == ["ok", "ok", *(reason for _, reason in expected)]
    # The bars are 0.1 s and 64 MB, and a tenth of that is enough; only a machine that is busy takes longer.
    assert max(seconds for _, seconds, _ in found[2:]) < 1
    assert sum(grown for _, _, grown in found[2:]) < 64_000_000

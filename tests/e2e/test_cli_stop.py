"""SIGTERM while pictures are described: what was computed is kept, and the same command computes only the rest."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from facetwise.data.catalogue import draw_catalogue

ITEMS = 400


@pytest.mark.slow
def test_extraction_keeps_what_it_has_computed(tmp_path: Path) -> None:
    table = draw_catalogue(tmp_path, items=ITEMS)
    environment = {**os.environ, "FACETWISE_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "facetwise", "extract", str(table), "--json"]
    work = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    graphs = tmp_path / "cache" / "graphs"
    while not (graphs.is_dir() and any(graphs.iterdir())) and work.poll() is None:
        time.sleep(0.05)
    time.sleep(1.5)  # some pictures are described by now, and hardly all of them
    work.send_signal(signal.SIGTERM)
    _, said = work.communicate(timeout=60)
    assert work.returncode == 143, said
    assert "Traceback" not in said
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    told = json.loads(again.stdout)
    assert told["images"] == ITEMS
    assert 0 < told["computed"] < ITEMS

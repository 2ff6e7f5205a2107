"""The command line, with the tiny backbone wherever a real one would be: what processes of a test are started with."""

import os
import sys
from pathlib import Path

import pytest

from tiny_backbone import TinyBackbone, stand_in

if __name__ == "__main__":
    from facetwise.__main__ import main
    from facetwise.runs import _own_backbone
    from facetwise.training import _learned_backbone, _resume

    patch = pytest.MonkeyPatch()
    stand_in(patch, Path(os.environ["FACETWISE_CACHE"]), _learned_backbone)
    for module in (_own_backbone, _learned_backbone):
        patch.setattr(module, "network_of", lambda *_, **__: TinyBackbone())
    _resume.SECONDS_WITHOUT_SAVING = 0.0  # every epoch is saved
    sys.argv[0] = "facetwise"
    main()

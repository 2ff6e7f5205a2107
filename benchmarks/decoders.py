"""Would another JPEG decoder make extraction faster, and does it give the pixels of the decode policy?

    python benchmarks/decoders.py [--rounds 7] [--save]

torchcodec and simplejpeg, where they are installed, beside `facetwise.images.decode`, which is Pillow behind a check of
the header. Every kind of JPEG is decoded by all of them: largest difference of a pixel. Then one thread, pictures a
second, median of rounds in turn: decoded alone, and decoded to the square that a backbone reads (`fit`), which is what
extraction does; a decoder whose pixels Pillow has to copy first loses what it gained.
"""

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from pathlib import Path

import numpy as np
from extraction import photograph
from PIL import Image

from facetwise.__main__ import keep_freed_memory
from facetwise.images import decode, fit

Decoder = Callable[[bytes], Image.Image]
SIZES = {(512, 384): 60, (2048, 1536): 6}
# How each kind is written; what Pillow writes nothing of is not asked.
KINDS = {
    "4:2:0": ("RGB", {"subsampling": 2}), "4:4:4": ("RGB", {"subsampling": 0}), "grey": ("L", {}),
    "progressive": ("RGB", {"progressive": True}), "CMYK": ("CMYK", {}), "quality 30": ("RGB", {"quality": 30}),
}  # fmt: skip
MODEL = 224


def jpeg(picture: Image.Image, kind: str) -> bytes:
    """The picture as a file of this kind."""
    mode, options = KINDS[kind]
    sink = BytesIO()
    picture.convert(mode).save(sink, "JPEG", **{"quality": 90, **options})
    return sink.getvalue()


def decoders() -> dict[str, Decoder]:
    """The policy's, and those that are installed."""
    found: dict[str, Decoder] = {"facetwise": decode}
    try:
        import torch
        from torchcodec.decoders import decode_jpeg

        torch.set_num_threads(1)
        found["torchcodec"] = lambda data: Image.fromarray(decode_jpeg(data).permute(1, 2, 0).numpy())
    except ImportError as error:
        print(f"torchcodec is not measured: {error}")
    try:
        import simplejpeg

        found["simplejpeg"] = lambda data: Image.fromarray(simplejpeg.decode_jpeg(data))
    except ImportError as error:
        print(f"simplejpeg is not measured: {error}")
    return found


def fitted(decoder: Decoder, data: bytes) -> np.ndarray:
    """What extraction gives the backbone."""
    return fit(decoder(data), size=MODEL, mode="squash")


def rate(work: Callable[[], object], count: int) -> float:
    """Times a second."""
    begun = time.perf_counter()
    for _ in range(count):
        work()
    return count / (time.perf_counter() - begun)


def differences(found: dict[str, Decoder]) -> list[str]:
    """Per decoder and kind the largest difference to the policy's pixels."""
    picture = photograph(0, (511, 383))
    lines = [f"| decoder | {' | '.join(KINDS)} |", "|---|" + "---|" * len(KINDS)]
    for name, other in found.items():
        cells = []
        for kind in KINDS:
            data = jpeg(picture, kind)
            try:
                apart = np.abs(np.asarray(decode(data), np.int16) - np.asarray(other(data).convert("RGB"), np.int16))
                cells.append(str(apart.max()))
            except (ValueError, RuntimeError) as error:
                cells.append(type(error).__name__)
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def rates(found: dict[str, Decoder], rounds: int) -> list[str]:
    """Per size and decoder pictures a second, alone and with the square."""
    lines = [
        "| pictures | decoder | decoded/s | to policy | decoded and fitted/s | to policy |",
        "|---|---|---|---|---|---|",
    ]
    for size, count in SIZES.items():
        data = jpeg(photograph(0, size), "4:2:0")
        told: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in found}
        for _ in range(rounds):
            for name, other in found.items():
                told[name][0].append(rate(partial(other, data), count))
                told[name][1].append(rate(partial(fitted, other, data), count))
        own = [statistics.median(part) for part in told["facetwise"]]
        for name, parts in told.items():
            alone, square = (statistics.median(part) for part in parts)
            lines.append(
                f"| {size[0]} x {size[1]} | {name} | {alone:.0f} | {alone / own[0]:.2f} | {square:.0f} | "
                f"{square / own[1]:.2f} |"
            )
    return lines


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/DATE-decoders.md")
    given = parser.parse_args()
    keep_freed_memory()  # as the command line does: without it most of the time of large pictures is the kernel's
    found = decoders()
    lines = [*differences(found), "", *rates(found, given.rounds)]
    print("\n".join(lines))
    if given.save:
        versions = []
        for name in ("facetwise", "pillow", "torchcodec", "simplejpeg"):
            try:
                versions.append(f"{name} {version(name)}")
            except PackageNotFoundError:
                continue
        head = [
            f"# JPEG decoders, {date.today()}", "",
            f"`python benchmarks/decoders.py`; {', '.join(versions)}; {platform.machine()}, one thread. First the "
            "largest difference of a pixel to `facetwise.images.decode`, then the median of "
            f"{given.rounds} rounds.", "",
        ]  # fmt: skip
        out = Path(__file__).parent / "results" / f"{date.today()}-decoders.md"
        out.write_text("\n".join([*head, *lines]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

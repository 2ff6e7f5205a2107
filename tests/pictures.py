"""Pictures for tests: drawn, tiny, and of every kind that people's folders hold."""

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

# EXIF orientation: what to do to an upright picture so that a reader who applies the tag sees it upright again.
UNDO_TURN = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def photograph(seed: int, *, width: int = 48, height: int = 32) -> Image.Image:
    """Soft coloured clouds with fine noise on them: compresses and resizes like a photograph."""
    generator = np.random.default_rng(seed)
    clouds = Image.fromarray(generator.integers(0, 256, (5, 6, 3), dtype=np.uint8))
    smooth = np.asarray(clouds.resize((width, height), Image.Resampling.BICUBIC), dtype=np.int16)
    noise = generator.normal(0, 6, smooth.shape).astype(np.int16)
    return Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8))


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    """A picture as the bytes of a file; `kind` is Pillow's name of the format."""
    file = BytesIO()
    image.save(file, kind, **options)  # ty: ignore[invalid-argument-type]
    return file.getvalue()


def photographs(folder: Path, count: int, *, width: int = 48, height: int = 32, first_seed: int = 0) -> list[Path]:
    """So many JPEG files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{first_seed + number:05d}.jpg" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_bytes(encode(photograph(first_seed + number, width=width, height=height), "JPEG", quality=90))
    return paths

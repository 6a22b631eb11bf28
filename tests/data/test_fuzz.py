"""Whatever lies in a folder of images: it is read by the rules, or one sentence says what is wrong with which file."""

import io
import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from uniads.data.imagefolder import ImageFolder
from uniads.error import UserError

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
many = settings(deadline=None, max_examples=200, derandomize=True, suppress_health_check=list(HealthCheck))

MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F")
FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "WEBP", "PPM", "GIF")
ENDINGS = (".png", ".PNG", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp", ".ppm", ".gif", ".jfif", ".txt", "")
STEMS = ("a", "b", ".hidden", "._a", "Thumbs", "x y", "ä", "a.b")


@st.composite
def contents(draw: st.DrawFn) -> bytes:
    """An image of any mode and format, whole, cut or flipped, or no image at all."""
    kind = draw(st.sampled_from(["whole", "whole", "whole", "cut", "flipped", "bytes", "empty"]))
    if kind in ("bytes", "empty"):
        return draw(st.binary(max_size=60)) if kind == "bytes" else b""
    size = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    image, file = Image.new(draw(st.sampled_from(MODES)), size), io.BytesIO()
    try:
        image.save(file, draw(st.sampled_from(FORMATS)))
    except (OSError, ValueError, KeyError):
        image.convert("RGB").save(file, "PNG")
    data = bytearray(file.getvalue())
    if kind == "cut":
        return bytes(data[: draw(st.integers(0, len(data)))])
    if kind == "flipped":
        rng = random.Random(draw(st.integers(0, 999)))
        for _ in range(rng.randint(1, 8)):
            data[rng.randrange(len(data))] = rng.randrange(256)
    return bytes(data)


files = st.dictionaries(
    st.tuples(
        st.sampled_from(["train", "train", "train", "test"]),
        st.sampled_from(["ant", "bee", "Bee", ".git", "."]),
        st.sampled_from(["", "inner", ".ipynb_checkpoints"]),
        st.sampled_from(STEMS),
        st.sampled_from(ENDINGS),
    ),
    contents(),
    max_size=8,
)


@many
@given(files=files, sound=st.integers(0, 6))
def test_a_folder_is_read_or_a_sentence_says_why_not(files: dict[tuple[str, ...], bytes], sound: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("train", "test"):
            for kind in ("ant", "bee"):
                (folder / part / kind).mkdir(parents=True)
                for number in range(sound):
                    Image.new("RGB", (9, 7), (number, 0, 0)).save(folder / part / kind / f"{number}.png")
        for (*above, stem, ending), content in files.items():
            place = folder.joinpath(*above) / f"{stem}{ending}"
            place.parent.mkdir(parents=True, exist_ok=True)
            if not place.is_dir():
                place.write_bytes(content)
        said = ""
        try:
            data = ImageFolder(
                folder=name, crop=8, resize=10, workers=0, mean=[0.5] * 3, std=[0.25] * 3, val_fraction=0.5
            )
            for loader in (data.train(4), data.val(4), data.test(4)):
                for batch in loader:
                    assert batch.image.shape[1:] == (3, 8, 8)
                    assert batch.image.dtype == torch.float32
                    assert batch.image.isfinite().all()
                    assert not any(part.startswith(".") for i in batch.index for part in _inner(loader.files[i], name))
        except UserError as error:
            said = str(error)
        assert "\n" not in said, said


def _inner(file: str, folder: str) -> tuple[str, ...]:
    return Path(file).relative_to(folder).parts

"""Every kind of pixel becomes eight bits of three colours by a stated rule, or is refused with its file and mode."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from uniads.data.image import read_image
from uniads.error import UserError


def corners(file: Path) -> list[list[int]]:
    pixels = np.asarray(read_image(str(file)))
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == 3
    return [pixels[0, 0].tolist(), pixels[-1, -1].tolist()]


@pytest.mark.parametrize("ending", ["png", "tif"])
@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_grey_of_sixteen_bits_is_scaled_to_eight(ending: str, order: str, tmp_path: Path) -> None:
    values = np.array([[0, 4112], [65535, 32896]], order)
    Image.fromarray(values).save(tmp_path / f"x.{ending}")
    assert np.asarray(read_image(str(tmp_path / f"x.{ending}")))[..., 0].tolist() == [[0, 16], [255, 128]]


def test_sixteen_bits_are_rounded_to_the_nearest_of_eight(tmp_path: Path) -> None:
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    Image.fromarray(values).save(tmp_path / "x.png")
    assert (np.asarray(read_image(str(tmp_path / "x.png")))[..., 1] == np.round(values / 257)).all()


@pytest.mark.parametrize(("kind", "mode"), [(np.int32, "I"), (np.float32, "F")])
def test_values_without_a_known_white_are_refused_with_file_and_mode(kind: type, mode: str, tmp_path: Path) -> None:
    Image.fromarray(np.ones((4, 4), kind)).save(tmp_path / "deep.tif")
    with pytest.raises(UserError, match=rf"deep\.tif is an image of mode {mode}, .*; store it with 8 or 16 bits"):
        read_image(str(tmp_path / "deep.tif"))


RED, CLEAR = (200, 10, 20), (200, 10, 20, 0)


@pytest.mark.parametrize(
    ("mode", "colour", "wanted"),
    [
        ("1", 1, [255] * 3), ("L", 77, [77] * 3), ("LA", (77, 0), [77] * 3), ("RGB", RED, [*RED]),
        ("RGBA", CLEAR, [*RED]), ("P", 3, [5, 6, 7]), ("PA", (3, 0), [5, 6, 7]),
        ("CMYK", (0, 255, 255, 0), [255, 0, 0]), ("YCbCr", (77, 128, 128), [77] * 3),
    ],
)  # fmt: skip
def test_transparency_is_left_out_and_palettes_are_looked_up(
    mode: str, colour: object, wanted: list[int], tmp_path: Path
) -> None:
    image = Image.new("P" if mode == "P" else mode, (3, 3), colour)  # type: ignore[arg-type]
    if mode in ("P", "PA"):
        image.putpalette([0, 0, 0] * 3 + [5, 6, 7])
    image.save(tmp_path / "x.tif")
    assert corners(tmp_path / "x.tif") == [wanted] * 2


@pytest.mark.parametrize("clear", [3, bytes([255, 255, 255, 0])])
def test_a_palette_with_transparency_keeps_its_colours(clear: object, tmp_path: Path) -> None:
    image = Image.new("P", (3, 3), 3)
    image.putpalette([0, 0, 0] * 3 + [5, 6, 7])
    image.save(tmp_path / "x.png", transparency=clear)
    assert corners(tmp_path / "x.png") == [[5, 6, 7]] * 2


def test_pixels_stay_where_they_are_stored_whatever_the_exif_orientation(tmp_path: Path) -> None:
    image = Image.new("RGB", (4, 2), RED)
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "x.png", exif=exif)
    assert read_image(str(tmp_path / "x.png")).size == (4, 2)


@pytest.mark.parametrize("ending", ["webp", "png", "tif"])
def test_of_several_frames_the_first_is_read(ending: str, tmp_path: Path) -> None:
    first, second = Image.new("RGB", (8, 8), (250, 0, 0)), Image.new("RGB", (8, 8), (0, 0, 250))
    first.save(tmp_path / f"x.{ending}", save_all=True, append_images=[second])
    red, _, blue = corners(tmp_path / f"x.{ending}")[0]
    assert red > 200 > 50 > blue


def test_a_file_that_vanished_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.png is gone since the folder was read"):
        read_image(str(tmp_path / "gone.png"))

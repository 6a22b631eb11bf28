"""One image file as eight bits of red, green and blue, by stated rules."""

import numpy as np
from PIL import Image

from uniads.error import MissingFileError, UserError

UNREADABLE = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, KeyError, Image.DecompressionBombError)
"""What PIL raises for files that are no images, damaged or cut off."""

EIGHT_BITS = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "HSV")
SIXTEEN_BITS = ("I;16", "I;16L", "I;16B", "I;16N")


def read_image(file: str) -> Image.Image:
    """An image in RGB.

    Grey is repeated in all three colours, palettes are looked up, and CMYK, YCbCr and HSV converted as PIL does.
    Transparency is left out: the colours beneath it count. Grey of 16 bits is round(value / 257), so that 65,535 is
    white; of 16-bit colours PIL keeps the upper eight. Of several frames the first is read. An orientation in the
    file's EXIF data is ignored, as by torchvision: pixels stay where they are stored.

    Raises:
        UserError: the file can't be read as an image, or its values have no known white: 32-bit integers and floats.
        MissingFileError: the file is gone.
    """
    try:
        with Image.open(file) as image:
            return _convert(image, file)
    except FileNotFoundError:
        raise MissingFileError(f"{file} is gone since the folder was read; put it back, or start again") from None
    except UserError:
        raise
    except UNREADABLE as error:
        raise UserError(f"{file} can't be read as an image ({error}); replace it, or remove it") from None


def _convert(image: Image.Image, file: str) -> Image.Image:
    mode = image.mode
    if mode in SIXTEEN_BITS or (mode == "I" and image.format == "PNG"):  # as older PIL calls 16 bits
        grey = np.asarray(image).astype(np.uint32).clip(0, 65535)
        return Image.fromarray(((grey + 128) // 257).astype(np.uint8)).convert("RGB")
    if mode not in EIGHT_BITS:
        raise UserError(
            f"{file} is an image of mode {mode}, whose black and white are unknown; store it with 8 or 16 bits, or "
            "remove it"
        )
    if mode == "P" and isinstance(image.info.get("transparency"), bytes):
        image = image.convert("RGBA")  # PIL warns of the direct way
    if mode in ("La", "RGBa"):
        image = image.convert("LA" if mode == "La" else "RGBA")
    return image.convert("RGB")

"""Pictures for mails: opened with care, turned upright, freed of what a camera wrote into them, and made small.

A mail is about 600 pixels wide. `wide` is twice that, for sharp screens at the usual width; `double` is twice as wide
again, where the original has so many pixels, for pictures that a page or a large screen shows (`srcset … 2x`).
Everything is written anew, so that neither a place on the map nor bytes behind the picture reach a reader.
"""

import io
import warnings
from dataclasses import dataclass
from typing import Final

from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from .kinds import GIF, JPEG, PNG, WEBP, Kind, UnusableFile

WIDE: Final = 1_200
DOUBLE: Final = 2 * WIDE
MAX_MEGAPIXELS: Final = 50
MAX_FRAMES: Final = 300
_FORMATS: Final = {PNG: "PNG", JPEG: "JPEG", GIF: "GIF", WEBP: "WEBP"}
_QUALITY: Final = 85
_HEAVY_BYTES: Final = 300_000
# What a damaged or a hostile file makes the decoders raise; MemoryError is theirs, too.
_BROKEN: Final = (UnidentifiedImageError, OSError, ValueError, SyntaxError, IndexError, EOFError, MemoryError)


@dataclass(frozen=True, slots=True)
class Rendition:
    """One size of a picture, ready to be sent."""

    content: bytes
    kind: Kind
    width: int
    height: int


def render(content: bytes, kind: Kind, name: str) -> list[Rendition]:
    """The picture at most `WIDE` pixels wide and, if it has more, also at most `DOUBLE`.

    A WebP becomes JPEG or PNG: not every mail program knows it. Raises `UnusableFile`.
    """
    try:
        with warnings.catch_warnings():
            # Pillow counts pixels, too; ours is the stricter limit and has words.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return _render(content, kind, name)
    except UnusableFile:
        raise
    except Image.DecompressionBombError as error:
        raise UnusableFile(_too_large(name)) from error
    except _BROKEN as error:
        raise UnusableFile(f"“{name}” is damaged: it cannot be read as a picture.") from error


def _render(content: bytes, kind: Kind, name: str) -> list[Rendition]:
    with Image.open(io.BytesIO(content), formats=[_FORMATS[kind]]) as image:
        _check_size(image, 1, name)
        frames = getattr(image, "n_frames", 1) if kind in {GIF, WEBP} else 1
        _check_size(image, frames, name)
        if frames > 1:
            if kind is WEBP:
                raise UnusableFile(
                    f"“{name}” is a moving WebP, which mail programs do not show. Save it as GIF."
                )
            return [_moving(image, name)]
        if kind is JPEG:
            image.draft("RGB", (DOUBLE, DOUBLE))  # decodes a large photograph at a fraction of its size
        still = _plain(image)
        target = PNG if still.mode != "RGB" or kind in {PNG, GIF} else JPEG
        widths = [WIDE] if still.width <= WIDE else [WIDE, DOUBLE]
        return [_written(still, target, width) for width in widths]


def _check_size(image: Image.Image, frames: int, name: str) -> None:
    pixels = image.width * image.height
    if pixels > MAX_MEGAPIXELS * 1_000_000:
        raise UnusableFile(_too_large(name, image.width, image.height))
    if frames > MAX_FRAMES or pixels * frames > MAX_MEGAPIXELS * 1_000_000:
        raise UnusableFile(
            f"“{name}” is too long a film for a mail: {frames} frames. Cut it, or make it smaller."
        )


def _too_large(name: str, width: int = 0, height: int = 0) -> str:
    size = f"{width:,} by {height:,} pixels" if width else "too many pixels"
    return f"“{name}” has {size}: {MAX_MEGAPIXELS} megapixels are the most. Make it smaller first."


def _plain(image: Image.Image) -> Image.Image:
    """The picture upright, in sRGB, with nothing but its pixels."""
    profile = image.info.get("icc_profile")
    turned = ImageOps.exif_transpose(image)
    has_alpha = turned.mode in {"RGBA", "LA", "PA"} or "transparency" in turned.info
    if profile and turned.mode in {"RGB", "CMYK", "L"}:
        turned = _in_srgb(turned, profile)
    plain = turned.convert("RGBA" if has_alpha else "RGB")
    plain.info.clear()
    return plain


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    try:
        found = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image  # a profile that makes no sense: the numbers as they stand
    return found or image


def _written(image: Image.Image, kind: Kind, width: int) -> Rendition:
    if image.width > width:
        height = max(1, round(image.height * width / image.width))
        image = image.resize((width, height), Image.Resampling.LANCZOS)
    content = _jpeg(image) if kind is JPEG else _png(image)
    if kind is PNG and image.mode == "RGB" and len(content) > _HEAVY_BYTES:
        photograph = _jpeg(image)  # a photograph that was saved as PNG is several times as heavy
        if 2 * len(photograph) < len(content):
            return Rendition(photograph, JPEG, image.width, image.height)
    return Rendition(content, kind, image.width, image.height)


def _jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=_QUALITY, optimize=True, progressive=True)
    return out.getvalue()


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _moving(image: Image.Image, name: str) -> Rendition:
    """A GIF whose frames move, each written anew, at most `WIDE` pixels wide."""
    width = min(WIDE, image.width)
    height = max(1, round(image.height * width / image.width))
    frames, durations = [], []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        _check_size(image, 1, name)  # a frame may reach beyond the first and make the picture larger
        durations.append(int(image.info.get("duration", 100)))
        frames.append(image.convert("RGBA").resize((width, height), Image.Resampling.BILINEAR))
    out = io.BytesIO()
    loop = {"loop": image.info["loop"]} if "loop" in image.info else {}
    frames[0].save(
        out,
        "GIF",
        save_all=True,
        append_images=frames[1:],
        duration=durations,
        disposal=2,
        optimize=False,
        **loop,
    )
    return Rendition(out.getvalue(), GIF, width, height)

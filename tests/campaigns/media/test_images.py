import io
import struct

import pytest
from PIL import Image

from campaigns.media import kinds
from campaigns.media.images import DOUBLE, MAX_FRAMES, WIDE, render
from tests.factories.media import claimed_png, encoded, picture


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def picture_of(colour: str) -> Image.Image:
    return Image.new("RGB", (10, 10), colour)


@pytest.mark.parametrize(
    ("width", "widths"),
    [(40, [40]), (WIDE, [WIDE]), (1_600, [WIDE, 1_600]), (3_000, [WIDE, DOUBLE])],
)
def test_a_picture_is_made_small_enough_for_a_mail_and_for_sharp_screens(
    width: int, widths: list[int]
) -> None:
    made = render(picture((width, 300)), kinds.PNG, "a.png")
    assert [each.width for each in made] == widths
    assert [opened(each.content).size for each in made] == [(each.width, each.height) for each in made]
    assert made[0].height == max(1, round(300 * widths[0] / width))


def test_where_a_photograph_was_taken_does_not_get_out_and_it_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010F] = "A camera"
    exif.get_ifd(0x8825)[1] = "N"
    content = picture((40, 30), "JPEG", exif=exif, comment=b"at home") + b"<script>after the picture</script>"
    (made,) = render(content, kinds.JPEG, "a.jpg")
    assert (made.width, made.height, made.kind) == (30, 40, kinds.JPEG)
    assert not opened(made.content).getexif()
    assert not any(word in made.content for word in (b"camera", b"home", b"script", b"Exif"))


@pytest.mark.parametrize(
    ("mode", "kind", "saved", "wanted"),
    [
        ("RGBA", kinds.PNG, "PNG", kinds.PNG),
        ("P", kinds.PNG, "PNG", kinds.PNG),
        ("I;16", kinds.PNG, "PNG", kinds.PNG),
        ("CMYK", kinds.JPEG, "JPEG", kinds.JPEG),
        ("L", kinds.JPEG, "JPEG", kinds.JPEG),
        ("RGB", kinds.WEBP, "WEBP", kinds.JPEG),
        ("RGBA", kinds.WEBP, "WEBP", kinds.PNG),
        ("P", kinds.GIF, "GIF", kinds.PNG),
    ],
)
def test_every_picture_becomes_one_that_mail_programs_know(
    mode: str, kind: kinds.Kind, saved: str, wanted: kinds.Kind
) -> None:
    (made,) = render(encoded(Image.new(mode, (20, 10)), saved), kind, "a")
    assert made.kind is wanted
    assert opened(made.content).mode in {"RGB", "RGBA"}


def test_a_moving_gif_still_moves() -> None:
    frames = [Image.new("RGB", (1_500, 20), colour) for colour in ("red", "green", "blue")]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50, loop=0)
    (made,) = render(content, kinds.GIF, "a.gif")
    shown = opened(made.content)
    assert (made.width, getattr(shown, "n_frames", 1), shown.info["loop"]) == (WIDE, 3, 0)


def test_a_photograph_saved_as_png_becomes_a_light_jpeg() -> None:
    noise = Image.effect_noise((500, 400), 80).convert("RGB")
    assert render(encoded(noise), kinds.PNG, "a.png")[0].kind is kinds.JPEG


@pytest.mark.parametrize("size", [(10_000, 10_000), (100_000, 1_001), (65_000, 65_000)])
def test_100_megapixels_are_refused_before_they_are_unpacked(size: tuple[int, int]) -> None:
    with pytest.raises(kinds.UnusableFile, match="50 megapixels are the most"):
        render(claimed_png(*size), kinds.PNG, "a.png")


@pytest.mark.parametrize("side", [12_000, 20_000])
def test_a_gif_that_grows_with_its_second_frame_is_refused(side: int) -> None:
    content = encoded(picture_of("red"), "GIF", save_all=True, append_images=[picture_of("blue")])
    before, mark, rest = content.rpartition(b"\x2c" + struct.pack("<4H", 0, 0, 10, 10))
    assert mark
    grown = before + b"\x2c" + struct.pack("<4H", 0, 0, side, side) + rest
    with pytest.raises(kinds.UnusableFile, match="50 megapixels are the most"):
        render(grown, kinds.GIF, "a.gif")


def test_a_gif_that_is_a_film_is_refused() -> None:
    frames = [Image.new("L", (2, 2), number % 250) for number in range(MAX_FRAMES + 1)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with pytest.raises(kinds.UnusableFile, match="too long a film"):
        render(content, kinds.GIF, "a.gif")


def test_a_moving_webp_is_refused() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green")]
    content = encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    with pytest.raises(kinds.UnusableFile, match="Save it as GIF"):
        render(content, kinds.WEBP, "a.webp")


@pytest.mark.parametrize("cut", [9, 60, 200])
@pytest.mark.parametrize(("kind", "saved"), [(kinds.PNG, "PNG"), (kinds.JPEG, "JPEG"), (kinds.GIF, "GIF")])
def test_a_damaged_picture_is_refused(kind: kinds.Kind, saved: str, cut: int) -> None:
    content = encoded(Image.effect_noise((60, 60), 50).convert("RGB"), saved)[:cut]
    with pytest.raises(kinds.UnusableFile, match="damaged"):
        render(content, kind, "a")


def test_a_colour_profile_that_makes_no_sense_does_no_harm() -> None:
    content = encoded(Image.new("RGB", (4, 4), "#1a5fb4"), "PNG", icc_profile=b"nonsense")
    (made,) = render(content, kinds.PNG, "a.png")
    assert opened(made.content).getpixel((0, 0)) == (0x1A, 0x5F, 0xB4)
    assert "icc_profile" not in opened(made.content).info

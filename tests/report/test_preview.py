"""The sheet of faces."""

import io

import pytest
from PIL import Image

from seke_pipeline.report import contact_sheet


def crop(colour: tuple[int, int, int]) -> bytes:
    """A PNG of one colour, so that its tile has that very colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (20, 20), colour).save(buffer, "PNG")
    return buffer.getvalue()


RED, BLUE = (200, 30, 30), (30, 30, 200)


def opened(sheet: bytes) -> Image.Image:
    return Image.open(io.BytesIO(sheet)).convert("RGB")


def test_faces_lie_in_rows_with_room_for_the_longest_caption() -> None:
    sheet = opened(contact_sheet([crop(RED), crop(BLUE), crop(RED)], ["a", "b\nc", "d"], columns=2, tile_px=50))
    assert sheet.size == (8 + 2 * 58, 8 + 2 * (58 + 2 * 15))
    assert [sheet.getpixel(place) for place in [(20, 20), (80, 20), (20, 110), (80, 110)]] == [
        RED, BLUE, RED, (255, 255, 255),
    ]  # fmt: skip


def test_a_caption_stays_under_its_own_face() -> None:
    short = opened(contact_sheet([crop(RED)] * 2, ["", ""], tile_px=40))
    long = opened(contact_sheet([crop(RED)] * 2, ["a caption that is far too long for its tile", ""], tile_px=40))
    under_the_second = (56, 48, 104, 71)
    assert long.crop(under_the_second).tobytes() == short.crop(under_the_second).tobytes()
    assert long.crop((8, 48, 48, 71)).getextrema() != short.crop((8, 48, 48, 71)).getextrema()


def test_a_crop_that_cannot_be_read_leaves_a_grey_tile() -> None:
    assert opened(contact_sheet([b"no picture"], ["?"])).getpixel((50, 50)) == (226, 229, 234)


def test_no_faces_give_an_empty_strip_and_equal_input_equal_bytes() -> None:
    assert opened(contact_sheet([], [])).size == (112, 127)
    assert contact_sheet([crop(RED)], ["x"]) == contact_sheet([crop(RED)], ["x"])


def test_every_face_has_a_caption() -> None:
    with pytest.raises(ValueError, match="zip"):
        contact_sheet([crop(RED)], [])

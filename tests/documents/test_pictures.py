"""The README shows the product by four pictures, which `python -m tests.webui.pictures` takes."""

import re

import pytest
from PIL import Image

from tests.hatchery import ROOT
from tests.webui.browser import SIZES
from tests.webui.pictures import FOLDER, PICTURES

MOST = 150_000
"""Octets of one picture: a README is read over slow lines, too."""
_FOUND = re.findall(r"^!\[(.+)\]\(deploy/pictures/(\S+)\.png\)", (ROOT / "README.md").read_text(), re.MULTILINE)
SHOWN = {name: alternative for alternative, name in _FOUND}


def test_every_picture_is_shown_and_nothing_else_lies_there() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == sorted(f"{name}.png" for name in PICTURES)
    assert SHOWN.keys() == PICTURES.keys()


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_of_a_desktop_and_small(name: str) -> None:
    path = FOLDER / f"{name}.png"
    assert path.stat().st_size <= MOST
    with Image.open(path) as picture:
        assert picture.size == SIZES["bureau"]
        shades = picture.convert("L").getcolors()
    assert shades is not None
    assert max(count for count, _ in shades) < 0.95 * picture.width * picture.height, "an empty page"


@pytest.mark.parametrize("name", PICTURES)
def test_who_cannot_see_a_picture_reads_it_in_both_languages(name: str) -> None:
    """French first, as everything that people read."""
    french, _, english = SHOWN[name].partition(" / ")
    assert len(french) > 20
    assert len(english) > 20

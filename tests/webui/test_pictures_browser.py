"""Pictures pasted and dropped into a formatted letter, by the browser's own clipboard and dragging."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Route, expect

from mailserver.mime import Part, scan, unpack
from mailserver.model.identity import Principal
from mailserver.store.account import stored_preferences
from tests.webui.browser import Watched, log_in, visiting
from tests.webui.house import House
from tests.webui.test_compose_browser import PIXEL, told, write

pytestmark = pytest.mark.needs("chromium")

SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>'
_counter: list[int] = []


@pytest.fixture
def person(house: House) -> Principal:
    """Somebody who writes formatted letters."""
    _counter.append(0)
    made = house.person("Paul", f"Images-{len(_counter)}")
    house.store.write_now(stored_preferences.revise_preferences, made.account_id, {"composing": "forme"})
    return made


@pytest.fixture
def watched(house: House, chromium: Browser, person: Principal) -> Iterator[Watched]:
    with visiting(chromium, script=True) as made:
        made.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        made.note_refusals()
        log_in(made.page, house, person.login, "complet")
        write(made.page, house)
        yield made


def editor(page: Page) -> Locator:
    found = page.locator("#editeur")
    expect(found).to_be_visible()
    return found


def png(width: int, height: int) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(made, "PNG")
    return made.getvalue()


def paste(page: Page, octets: bytes) -> None:
    """A picture is on the clipboard of the browser; then its own key for it."""
    page.evaluate(
        """async (octets) => {
            const blob = new Blob([new Uint8Array(octets)], { type: "image/png" });
            await navigator.clipboard.write([new ClipboardItem({ "image/png": blob })]);
        }""",
        list(octets),
    )
    page.keyboard.press("Control+V")


def drop(page: Page, place: Locator, *files: Path) -> None:
    """Files that are dragged from elsewhere over a place and let go there."""
    box = place.bounding_box()
    assert box is not None
    at = {"x": box["x"] + 30, "y": box["y"] + 12}
    data = {"items": [], "files": [str(file) for file in files], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})


def sent(house: House, page: Page, person: Principal) -> tuple[bytes, list[Part]]:
    """The letter as it leaves, to oneself."""
    page.fill("#a", f"{person.login},")
    page.fill("#objet", "Images")
    page.get_by_role("button", name="Envoyer", exact=True).click()
    told(page, "Message envoyé")
    octets = house.octets(person, "INBOX")
    return octets, list(unpack(scan(octets).parts).walk())


def test_a_picture_is_pasted_where_one_writes(house: House, watched: Watched, person: Principal) -> None:
    """A wide one is shown 480 wide; it leaves whole, as a part of the letter."""
    page = watched.page
    editor(page).focus()
    page.keyboard.type("Avant après")
    for _ in "après":
        page.keyboard.press("ArrowLeft")
    paste(page, png(900, 30))
    image = editor(page).locator("img")
    expect(image).to_have_attribute("width", "480")
    expect(image).to_have_js_property("naturalWidth", 900)
    assert re.search(r"Avant\s*<img[^>]*>\s*après", editor(page).inner_html())
    expect(page.locator("#liste-pieces li")).to_have_count(0)
    octets, parts = sent(house, page, person)
    kinds = [part.type for part in parts]
    assert kinds == ["multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png"]
    assert f"cid:{parts[-1].content_id}" in parts[3].text(octets)
    assert Image.open(io.BytesIO(parts[-1].content(octets))).size == (900, 30)
    assert watched.complaints == []


def test_pictures_are_dropped_where_they_belong(
    house: House, watched: Watched, person: Principal, tmp_path: Path
) -> None:
    """Pictures alone go into the text; with another file among them, and what runs in pages, they are attached."""
    page = watched.page
    for name, octets in (("a.png", PIXEL), ("b.png", png(3, 3)), ("notes.txt", b"lundi"), ("dessin.svg", SVG)):
        (tmp_path / name).write_bytes(octets)
    editor(page).focus()
    page.keyboard.type("Voici")
    drop(page, editor(page), tmp_path / "a.png", tmp_path / "b.png")
    expect(editor(page).locator("img")).to_have_count(2)
    expect(page.locator("form.depose")).to_have_count(0)
    names = page.locator("#liste-pieces li")
    expect(names).to_have_count(0)
    drop(page, editor(page), tmp_path / "a.png", tmp_path / "notes.txt")
    expect(names).to_have_text([re.compile("a.png"), re.compile("notes.txt")])
    drop(page, editor(page), tmp_path / "dessin.svg")
    expect(names).to_have_count(3)
    expect(editor(page).locator("img")).to_have_count(2)
    _, parts = sent(house, page, person)
    attached = [part.filename for part in parts if part.filename and not part.content_id]
    assert attached == ["a.png", "notes.txt", "dessin.svg"]
    assert sum(bool(part.content_id) for part in parts) == 2
    assert watched.complaints == []


def test_a_picture_that_comes_while_the_text_is_to_be_kept_stays(
    house: House, watched: Watched, person: Principal, tmp_path: Path
) -> None:
    """What is kept next names it already: the server drops pictures that no text shows."""
    page = watched.page
    page.clock.install()
    write(page, house)
    (tmp_path / "point.png").write_bytes(PIXEL)
    editor(page).focus()
    held: list[Route] = []
    page.route("**/m/ecrire/piece", lambda route: held.append(route), times=1)
    with page.expect_request("**/m/ecrire/piece"):
        drop(page, editor(page), tmp_path / "point.png")
    page.keyboard.type("Voici")
    page.clock.run_for(15_000)  # the text is due, and waits for the picture
    with page.expect_response("**/m/ecrire/garder") as kept:
        held[0].continue_()
    assert kept.value.ok
    expect(editor(page).locator("img")).to_have_count(1)
    _, parts = sent(house, page, person)
    assert [part.type for part in parts if part.content_id] == ["image/png"]
    assert watched.complaints == []


def test_a_picture_is_read_before_its_draft_is_kept_anew(
    house: House, watched: Watched, person: Principal, tmp_path: Path
) -> None:
    """A draft that is kept has another number, and nothing answers at the one before."""
    page = watched.page
    page.clock.install()
    write(page, house)
    (tmp_path / "point.png").write_bytes(PIXEL)
    editor(page).focus()
    page.keyboard.type("Voici")
    held: list[Route] = []
    page.route("**/image?cid=*", lambda route: held.append(route), times=1)
    kept: list[str] = []
    page.on("request", lambda request: kept.append(request.url) if request.url.endswith("/garder") else None)
    with page.expect_request("**/image?cid=*"):
        drop(page, editor(page), tmp_path / "point.png")
    page.keyboard.type(" la suite")
    page.clock.run_for(15_000)
    assert kept == []
    with page.expect_response("**/m/ecrire/garder"):
        held[0].continue_()
    expect(editor(page).locator("img")).to_have_js_property("naturalWidth", 1)
    assert watched.complaints == []


def test_what_cannot_be_taken_is_said_and_leaves_no_trace(
    house: House, watched: Watched, person: Principal, tmp_path: Path
) -> None:
    """Too large, no picture at all whatever its name says, and refused by the server: the text stays as it was."""
    page = watched.page
    large, false, small = tmp_path / "affiche.png", tmp_path / "faux.png", tmp_path / "point.png"
    large.write_bytes(PIXEL + bytes(house.settings.limits.message_size))
    false.write_bytes(b"<script>alert(1)</script>")
    small.write_bytes(PIXEL)
    editor(page).focus()
    page.keyboard.type("Intact")
    drop(page, editor(page), large)
    expect(page.locator("#liste-pieces .refusee")).to_contain_text("affiche.png est trop volumineux")
    drop(page, editor(page), false)
    expect(page.locator("#etat")).to_contain_text("faux.png ne peut pas être montré dans le texte")
    page.route("**/m/ecrire/piece", lambda route: route.fulfill(status=507, json={"texte": "Votre boîte est pleine."}))
    drop(page, editor(page), small)
    expect(page.locator("#liste-pieces .refusee").last).to_contain_text("Votre boîte est pleine.")
    assert "507" in watched.complaints.pop()
    expect(editor(page).locator("img")).to_have_count(0)
    expect(editor(page)).to_have_text("Intact")
    page.unroute("**/m/ecrire/piece")
    _, parts = sent(house, page, person)
    assert [part.type for part in parts] == ["multipart/alternative", "text/plain", "text/html"]
    assert watched.complaints == []

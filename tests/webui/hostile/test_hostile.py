"""Hostile mail in a real Chromium, scripts on, under the policy people have: nothing runs, nothing is fetched from
elsewhere, no frame is left, no page of ours is changed; and nobody's attachment is a page of ours."""

import io
import re
import zipfile
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Dialog, Page, Request
from playwright.sync_api import Error as PlaywrightError

from mailserver.mime import unpack
from mailserver.mime.body.scanning import scan
from mailserver.model.identity import Principal
from tests.webui.browser import let_in, visiting
from tests.webui.hostile import EVIL, RAN
from tests.webui.hostile.envelopes import Case, cases
from tests.webui.house import House, Visitor
from webui.http import headers
from webui.reader.content import plain_text
from webui.reader.content.preview_kinds import MEDIA

pytestmark = pytest.mark.needs("chromium")

CASES = cases()
EVERY = 12
"""One piece of HTML in so many is also opened in the whole reader: around it, all are alike."""
AT_ONCE = 40
"""Frames that one page opens together."""
SAFE_INLINE = re.compile(r"image/(png|jpeg|gif|webp|bmp|avif)|text/plain; charset=utf-8|application/pdf")


VIEWER = ("chrome-extension://mhjfbmdgcfjbbpaeojofohoefgiehjai/", "chrome://resources/")
"""Chromium's own PDF viewer, which is no page of anybody's."""


@pytest.fixture(scope="module")
def victim(house: House) -> Principal:
    return house.person("Victor", "Cible")


@pytest.fixture(scope="module")
def delivered(house: House, victim: Principal) -> list[tuple[Case, int]]:
    return [(case, house.deliver(victim, case.octets)) for case in CASES]


@dataclass
class Watch:
    """What must not happen, and whether it did."""

    home: str
    seen: list[str] = field(default_factory=list)
    case: str = ""

    def attach(self, page: Page) -> None:
        page.on("dialog", self._dialog)
        page.on("popup", lambda popup: self.note(f"opened {popup.url}"))
        page.on("framenavigated", lambda frame: self._visited(frame.url))
        page.context.on("request", self._asked)

    def note(self, what: str) -> None:
        self.seen.append(f"{self.case}: {what}")

    def _dialog(self, dialog: Dialog) -> None:
        self.note(f"dialog {dialog.message}")
        dialog.dismiss()

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((self.home, "about:", *VIEWER)):
            self.note(f"asked for {request.url[:200]}")
        if request.method != "GET":
            self.note(f"{request.method} {request.url[:200]}")

    def _visited(self, url: str) -> None:
        if url and not url.startswith((self.home, "about:blank", *VIEWER)):
            self.note(f"went to {url[:200]}")


def test_there_are_enough_of_them() -> None:
    assert len(CASES) >= 200
    assert len({(case.family, case.name) for case in CASES}) == len(CASES)
    assert len({case.family for case in CASES}) >= 15
    assert sum(EVIL.encode() in case.octets for case in CASES) > 200


def test_the_watch_sees_what_it_watches_for(house: House, chromium: Browser) -> None:
    """Nothing seen means something only if something would be: a page without any of our defences."""
    with visiting(chromium, script=True) as watched:
        watch = Watch(house.url)
        watch.attach(watched.page)
        watched.page.set_content(f"<html lang=fr><script>{RAN}</script><img src=https://{EVIL}/p></html>")
        _unharmed(watched.page, watch, lang="fr")
        seen = " ".join(watch.seen)
        for what in ("dialog 1", f"asked for https://{EVIL}/ran", f"asked for https://{EVIL}/p", "ran in about:blank"):
            assert what in seen


def test_bodies_run_nothing_and_fetch_nothing(
    house: House, chromium: Browser, victim: Principal, delivered: list[tuple[Case, int]]
) -> None:
    """Every formatted version in frames like the reader's: same answer, same policy, same sandbox; many a page."""
    with visiting(chromium, script=True) as watched:
        page = watched.page
        let_in(page, house, victim.login)
        watch = Watch(house.url)
        watch.attach(page)
        shown = [one for one in delivered if _has_body(one[0])]
        assert len(shown) > 250
        for start in range(0, len(shown), AT_ONCE):
            batch = shown[start : start + AT_ONCE]
            watch.case = f"{batch[0][0].family}/{batch[0][0].name} and what follows"
            page.goto(f"{house.url}/s/recherche")
            page.evaluate(_FRAMES, [f"/s/corps/{content}" for _, content in batch])
            _unharmed(page, watch, lang="fr")
            strangers = [frame.url for frame in page.frames[1:] if "/s/corps/" not in frame.url]
            if strangers or len(page.frames) != len(batch) + 1:
                watch.note(f"has frames {strangers}")
            if page.title() == "PWNED" or page.url != f"{house.url}/s/recherche":
                watch.note("changed the page")
        assert watch.seen == []


def _has_body(case: Case) -> bool:
    return bool(plain_text.body_parts(unpack(scan(case.octets).parts))[1])


_FRAMES = """addresses => Promise.all(addresses.map(address => new Promise(done => {
  const frame = document.createElement("iframe");
  frame.sandbox = "allow-same-origin allow-popups allow-popups-to-escape-sandbox";
  frame.onload = done;
  frame.src = address;
  document.body.append(frame);
})))"""


def test_the_reader_is_unharmed(
    house: House, chromium: Browser, victim: Principal, delivered: list[tuple[Case, int]]
) -> None:
    """The whole page: of every message with a hostile header, and of some of each other family."""
    around = {"names", "types", "nesting", "references", "invitations", "alphabets"}
    chosen = [
        one
        for number, one in enumerate(delivered)
        if one[0].family == "headers" or number % (3 if one[0].family in around else EVERY) == 0
    ]
    with visiting(chromium, script=True) as watched:
        page = watched.page
        let_in(page, house, victim.login)
        watch = Watch(house.url)
        watch.attach(page)
        for number, (case, content) in enumerate(chosen):
            watch.case = f"{case.family}/{case.name}"
            base = "/m" if number % 10 == 1 else "/s"
            _open(page, watch, f"{house.url}{base}/message/{content}?forme=1", f"/corps/{content}")
        assert watch.seen == []


def _open(page: Page, watch: Watch, address: str, body: str) -> None:
    answer = page.goto(address)
    if answer is None or answer.status != 200:
        watch.note(f"answered {answer and answer.status}")
        return
    _unharmed(page, watch, lang="fr")
    if page.url != address:
        watch.note(f"left for {page.url}")
    frames = [frame.url for frame in page.frames if frame is not page.main_frame]
    if len(frames) > 1 or not all(body in url for url in frames):
        watch.note(f"has frames {frames}")
    if page.title() == "PWNED" or not page.title().endswith("Académie d’Exemple"):
        watch.note(f"title {page.title()!r}")


def _unharmed(page: Page, watch: Watch, lang: str) -> None:
    for frame in page.frames:
        if frame.evaluate("self.pwned") is not None:
            watch.note(f"ran in {frame.url}")
    if page.evaluate("document.documentElement.lang") != lang:
        watch.note("changed the language")


def test_lists_print_and_sources_are_unharmed(
    house: House, chromium: Browser, victim: Principal, delivered: list[tuple[Case, int]]
) -> None:
    """Their subjects and senders in lists, in searches and beside the reader; source, header and paper of some."""
    with visiting(chromium, script=True) as watched:
        page = watched.page
        let_in(page, house, victim.login)
        watch = Watch(house.url)
        watch.attach(page)
        for base in ("/s", "/m"):
            address = f"{base}/"
            for _ in range(12):
                watch.case = address
                page.goto(f"{house.url}{address}")
                _unharmed(page, watch, lang="fr")
                if page.title() == "PWNED" or len(page.frames) > 1:
                    watch.note("changed")
                onward = page.locator("a[rel=next]").first
                if not onward.count():
                    break
                address = str(onward.get_attribute("href"))
        for case, content in (one for one in delivered if one[0].family == "headers"):
            for what in ("entetes", "imprimer"):
                watch.case = f"{case.family}/{case.name} {what}"
                page.goto(f"{house.url}/s/message/{content}/{what}")
                _unharmed(page, watch, lang="fr")
        for case, content in delivered[:: 4 * EVERY]:
            watch.case = f"{case.family}/{case.name} source"
            page.goto(f"{house.url}/s/message/{content}/source")
            _unharmed(page, watch, lang="fr")
        page.goto(f"{house.url}/s/recherche?q=script")
        _unharmed(page, watch, lang="fr")
        assert watch.seen == []


def test_attachments_opened_and_previewed_run_nothing(
    house: House, chromium: Browser, victim: Principal, delivered: list[tuple[Case, int]]
) -> None:
    """Every attachment's addresses by their headers; what a browser would show, in the browser."""
    plain = house.visitor()
    plain.log_in(victim.login)
    with visiting(chromium, script=True) as watched:
        page = watched.page
        let_in(page, house, victim.login)
        watch = Watch(house.url)
        watch.attach(page)
        for case, content in delivered:
            if case.family not in ("types", "names", "nesting", "references", "invitations"):
                continue
            watch.case = f"{case.family}/{case.name}"
            for address in _attachments(plain, content):
                for suffix in ("",) if case.family == "names" else ("", "?image=1", "/voir"):
                    if _is_shown(plain, watch, address + suffix):
                        with _downloads_allowed():
                            page.goto(f"{house.url}{address}{suffix}")
                        _unharmed_anywhere(page, watch)
                if case.family == "types":
                    number = address.rpartition("/")[2]
                    page.goto(f"{house.url}/s/message/{content}/apercu/{number}")
                    _unharmed_anywhere(page, watch)
        assert watch.seen == []


def _attachments(plain: Visitor, content: int) -> list[str]:
    plain.get(f"/s/message/{content}?forme=1")
    listed = set(plain.links(r"^/s/piece/\d+/[\d.]+$"))
    body = plain.http.get(f"/s/corps/{content}")
    shown = re.findall(r'src="(/s/piece/[^"?]+)', body.text) if body.status_code == 200 else []
    return sorted(listed | set(shown))[:4]


def _is_shown(plain: Visitor, watch: Watch, address: str) -> bool:
    """Whether a browser shows the answer instead of saving it; its headers must allow nothing in either case."""
    answer = plain.http.get(address)
    if answer.status_code == 404:
        return False
    fields = answer.headers
    converted = fields["content-security-policy"] == headers.OFFICE_POLICY  # a page of ours, made of what it holds
    named = "" if converted else fields["content-disposition"]
    kept = named.startswith("attachment")
    sandboxed = converted or fields["content-security-policy"] in (headers.ATTACHMENT_POLICY, headers.TEXT_POLICY)
    pdf = fields["content-type"] == "application/pdf" and answer.content.startswith(b"%PDF-")
    if not (fields["x-content-type-options"] == "nosniff" and (sandboxed or pdf)):
        watch.note(f"{address} under {fields['content-security-policy']}")
    safe = SAFE_INLINE.fullmatch(fields["content-type"]) or fields["content-type"] in MEDIA.values()
    if not (kept or converted or safe):
        watch.note(f"{address} shown as {fields['content-type']}")
    if kept and re.search(r"html|svg|xml|script", fields["content-type"]):
        watch.note(f"{address} saved as {fields['content-type']}")
    if re.search(r"[\u202a-\u202e\u2066-\u2069\r\n/\\]", named):
        watch.note(f"{address} named {named}")
    return not kept


class _downloads_allowed:
    """A PDF that the browser saves instead of showing is no failure."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: object, trace: object) -> bool:
        return isinstance(error, PlaywrightError) and "ownload" in str(error)


def _unharmed_anywhere(page: Page, watch: Watch) -> None:
    for frame in page.frames:
        if frame.url.startswith(watch.home) and frame.evaluate("self.pwned") is not None:
            watch.note(f"ran in {frame.url}")


def test_the_archive_holds_names_and_no_paths(
    house: House, victim: Principal, delivered: list[tuple[Case, int]]
) -> None:
    plain = house.visitor()
    plain.log_in(victim.login)
    for case, content in delivered:
        if case.family not in ("names", "nesting"):
            continue
        answer = plain.http.get(f"/s/message/{content}/pieces.zip")
        if answer.status_code == 404:
            continue
        names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
        assert len({name.casefold() for name in names}) == len(names)
        for name in names:
            assert re.fullmatch(r"[^/\\:\0\r\n\u202e.][^/\\:\0\r\n\u202e]{0,250}", name), (case.name, name)

"""The installed application: its manifest, its icons, the worker as it is served, and whose page is whose."""

import io
import json
import re

from PIL import Image

from mailserver.foundation.settings import Web
from mailserver.model.identity import Principal
from tests.webui.house import PASSWORD, House, Visitor
from webui.http.assets import Assets
from webui.installed.offline import service_worker


def test_the_manifest_is_of_the_interface_and_the_language(house: House, emma: Principal) -> None:
    for interface, lang, theme, name, colour in (
        ("complet", "fr", "clair", "Messagerie académique – Académie d’Exemple", "#f3f5f9"),
        ("simple", "en", "sombre", "Academic mail – Académie d’Exemple", "#0f1217"),
    ):
        answer = house.visitor().get(f"/manifest.webmanifest?lang={lang}&theme={theme}&interface={interface}")
        assert answer.headers["content-type"] == "application/manifest+json"
        manifest = answer.json()
        assert (manifest["name"], manifest["lang"], manifest["theme_color"]) == (name, lang, colour)
        assert manifest["start_url"] == {"complet": "/m/", "simple": "/s/"}[interface]
        assert (manifest["scope"], manifest["display"]) == ("/", "standalone")
    strange = house.visitor().get("/manifest.webmanifest?lang=xx&theme=%00&interface=../admin").json()
    assert (strange["start_url"], strange["lang"]) == ("/", "fr")


def test_a_page_names_the_manifest_of_its_reader(house: House, emma: Principal) -> None:
    visitor = house.visitor()
    assert 'href="/manifest.webmanifest?lang=fr&amp;theme=auto"' in visitor.get("/").text
    visitor.log_in(emma.login)
    assert "theme=auto&amp;interface=simple" in visitor.get("/s/").text
    assert "theme=auto&amp;interface=complet" in visitor.get("/m/").text
    assert visitor.text.count('name="theme-color"') == 2


def test_its_icons_are_pictures_of_their_sizes(house: House) -> None:
    visitor = house.visitor()
    manifest = visitor.get("/manifest.webmanifest").json()
    drawn = [one for one in manifest["icons"] if one["type"] == "image/png"]
    assert sorted((one["sizes"], one["purpose"]) for one in drawn) == [
        *(("192x192", "any"), ("192x192", "maskable")),
        *(("512x512", "any"), ("512x512", "maskable")),
    ]
    for one in drawn:
        answer = visitor.get(one["src"])
        assert answer.headers["content-type"] == "image/png"
        with Image.open(io.BytesIO(answer.content)) as picture:
            assert f"{picture.width}x{picture.height}" == one["sizes"]
            seen = picture.convert("RGBA")
            corner, alpha = seen.getpixel((0, 0)), seen.getpixel((seen.width // 2, seen.height // 10))
        assert alpha == (28, 79, 143, 255)
        assert corner == ((28, 79, 143, 255) if one["purpose"] == "maskable" else (0, 0, 0, 0)), one
    assert visitor.get("/icone-64.png").status_code == 404


def test_the_worker_is_of_this_build_and_may_only_fetch(house: House) -> None:
    answer = house.visitor().get("/sw.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["content-security-policy"] == "default-src 'none'; connect-src 'self'"
    assert answer.headers["cache-control"] == "no-store"
    known = json.loads(re.match(r"self\.BUILD = (\{.*\});\n", answer.text)[1])  # type: ignore[index]
    assert known["name"]
    assert all(house.visitor().get(one).status_code == 200 for one in known["shell"])


def test_another_build_is_another_worker() -> None:
    assets, other = Assets(), Assets()
    before = service_worker.script(assets, on=True)
    other._by_url = {**other._by_url, "/static/dist/new.css": next(iter(other._by_url.values()))}
    assert before != service_worker.script(other, on=True)
    assert before.partition(b"\n")[2] == service_worker.script(other, on=True).partition(b"\n")[2]


def test_where_it_is_off_the_worker_removes_itself(house: House) -> None:
    house.settings.web.__dict__["offline"] = False
    try:
        visitor = house.visitor()
        assert "unregister" in visitor.get("/sw.js").text
        assert visitor.get("/manifest.webmanifest").status_code == 404
        assert "manifest" not in visitor.get("/").text
    finally:
        house.settings.web.__dict__["offline"] = True
    assert Web().offline


def log_in_shared(visitor: Visitor, person: Principal) -> None:
    visitor.get("/login")
    fields = {"identifiant": person.login, "mot_de_passe": PASSWORD, "interface": "simple", "partage": "1"}
    visitor.post("/connexion", fields)


def test_a_page_says_whose_it_is_and_how_long_a_copy_may_be_read(house: House, emma: Principal) -> None:
    own, shared = house.visitor(), house.visitor()
    assert own.get("/").headers["reader"] == "nobody"
    own.log_in(emma.login)
    account, seconds = own.get("/s/").headers["reader"].split()
    assert int(account) == emma.account_id
    assert 0 < int(seconds) <= house.settings.web.session_hours * 3600
    log_in_shared(shared, emma)
    assert shared.get("/s/").headers["reader"] == f"{emma.account_id} 0"
    assert "reader" not in own.get("/aide").headers
    gone = own.post("/deconnexion", {}, page=own.get("/s/").text)
    assert gone.headers["reader"] == "nobody"
    assert gone.headers["clear-site-data"] == '"cache", "storage"'


def test_the_page_without_a_network_is_there_in_both_languages(house: House) -> None:
    for code, words in (("fr", "Ce qui reste lisible"), ("en", "What can still be read")):
        text = house.visitor().get(f"/hors-connexion?lang={code}").text
        assert words in text
        assert f'<html lang="{code}"' in text

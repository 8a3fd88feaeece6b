"""The list of the complete interface in a real browser: mouse, keyboard alone, dragging, news, narrow windows."""

import re
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from mailserver.model.identity import Principal
from mailserver.store.account import sessions, stored_preferences
from mailserver.store.mail import mailboxes, messages
from tests.waiting import until
from tests.webui.browser import LOOKS, Watched, Wire, faults_of, log_in, rules_of, visiting
from tests.webui.house import PASSWORD, House, mail
from webui.mail import event_stream, message_list

pytestmark = pytest.mark.needs("chromium")

_counter: list[int] = []


@pytest.fixture
def person(house: House) -> Principal:
    """Somebody with six messages, the oldest two of one conversation."""
    _counter.append(0)
    made = house.person("Nora", f"Ecran-{len(_counter)}")
    thread = "References: <fil@exemple.org>\r\nIn-Reply-To: <fil@exemple.org>\r\n"
    for number in range(6):
        house.deliver(made, mail(f"Sujet {number}", body=f"Corps {number}\n", more=thread if number < 2 else ""))
    return made


def enter(page: Page, house: House, person: Principal) -> None:
    log_in(page, house, person.login, "complet")
    expect(page.locator("#liste h1")).to_have_text("Boîte de réception")
    expect(page.locator("#cocher input")).to_have_count(1)  # the script has come


def bar(page: Page, name: str) -> Locator:
    """A button of the bar that acts on what is chosen."""
    return page.locator(".barre").get_by_role("button", name=name)


def item(page: Page, subject: str) -> str:
    return f".courriels a:has-text('{subject}')"


def test_a_day_with_the_mouse(house: House, chromium: Browser, person: Principal) -> None:
    """Open in the pane, choose with Shift and Ctrl, archive, take back; the page is never left."""
    with visiting(chromium, script=True) as watched:
        page = watched.page
        enter(page, house, person)
        page.evaluate("window.same = true")
        page.click(item(page, "Sujet 5"))
        expect(page.locator("#lecteur .lettre")).to_contain_text("Corps 5")
        expect(page.locator(item(page, "Sujet 5"))).to_have_attribute("aria-current", "true")
        expect(page).to_have_title(re.compile("Boîte de réception"))
        watched.picture("liste-volets")
        page.locator(".courriels input").nth(1).click()
        page.locator(".courriels input").nth(3).click(modifiers=["Shift"])
        expect(page.locator("#nombre")).to_have_text("3 choisis")
        page.click(item(page, "Sujet 3"), modifiers=["Control"])
        expect(page.locator("#nombre")).to_have_text("2 choisis")
        bar(page, "Archiver").click()
        expect(page.locator("#dit")).to_contain_text("2 messages archivés")
        assert house.subjects(person, "Archive") == ["Sujet 2", "Sujet 4"]
        watched.picture("liste-annonce")
        page.locator("#dit").get_by_role("button", name="Annuler").click()
        expect(page.locator(".courriels > li")).to_have_count(5)
        page.keyboard.press("*")  # from nothing, back to nothing, and what one letter lacks
        expect(page.locator("#nombre")).to_have_text("5 choisis")
        page.keyboard.press("*")
        expect(page.locator(".courriels input:checked")).to_have_count(0)
        page.locator(".courriels input").first.check()
        page.click("#cocher input")
        expect(page.locator("#nombre")).to_have_text("5 choisis")
        page.click("#rien-choisir")
        page.click("[popovertarget=menu-tri]")
        page.click("#tout-cocher")
        expect(page.locator("#nombre")).to_have_text("5 choisis")
        bar(page, "Supprimer").click()
        expect(page.locator("#liste .vide")).to_contain_text("Aucun message")
        assert len(house.subjects(person, "Trash")) == 6  # the conversation whole
        assert page.evaluate("window.same")
        assert watched.complaints == []


def test_the_tools_of_a_long_message_stay_at_the_top_of_the_pane(
    house: House, chromium: Browser, person: Principal
) -> None:
    house.deliver(person, mail("Très long", body="Une ligne\n" * 300))
    with visiting(chromium, script=True) as watched:
        page = watched.page
        enter(page, house, person)
        page.click(item(page, "Très long"))
        expect(page.locator("#lecteur .lettre")).to_contain_text("Une ligne")
        page.evaluate("document.querySelector('#lecteur .rouleau').scrollTop = 2000")
        assert page.evaluate("document.querySelector('#lecteur .rouleau').scrollTop") > 1000
        pane, tools = page.locator("#lecteur").bounding_box(), page.locator("#lecteur .outils-lecture").bounding_box()
        assert pane is not None
        assert tools is not None
        assert abs(pane["y"] - tools["y"]) < 1


def test_a_day_with_the_keyboard_alone(house: House, chromium: Browser, person: Principal) -> None:
    with visiting(chromium, script=True) as watched:
        page = watched.page
        enter(page, house, person)
        press = page.keyboard.press
        press("j")
        expect(page.locator(item(page, "Sujet 5"))).to_be_focused()
        press("j")
        press("Enter")
        expect(page.locator("#lecteur h2")).to_be_focused()
        expect(page.locator("#lecteur .lettre")).to_contain_text("Corps 4")
        press("Escape")
        expect(page.locator(item(page, "Sujet 4"))).to_be_focused()
        press("s")
        expect(page.locator("#dit")).to_contain_text("1 message suivi")
        expect(page.locator(item(page, "Sujet 4"))).to_be_focused()
        press("Delete")
        expect(page.locator("#dit")).to_contain_text("1 message mis à la corbeille")
        expect(page.locator(item(page, "Sujet 3"))).to_be_focused()  # the next one, never nowhere
        press("z")
        expect(page.locator(item(page, "Sujet 4"))).to_have_count(1)
        press("x")
        expect(page.locator("#nombre")).to_have_text("1 choisi")
        press("b")
        expect(page.locator("#menu-reporter li button").first).to_be_focused()
        for _ in range(page.locator("#menu-reporter li button").count()):
            if page.evaluate("document.activeElement.value") == "demain":
                break
            press("ArrowDown")
        expect(page.locator("#menu-reporter [value=demain]")).to_be_focused()
        press("Enter")
        expect(page.locator("#dit")).to_contain_text("1 message reporté")
        press("/")
        expect(page.locator(".quete [type=search]")).to_be_focused()
        press("e")  # a letter in a field is a letter
        assert page.locator(".quete [type=search]").input_value() == "e"
        page.locator("#poignee").focus()
        before = int(page.locator("#poignee").get_attribute("aria-valuenow") or 0)
        press("ArrowRight")
        expect(page.locator("#poignee")).to_have_attribute("aria-valuenow", str(before + 2))
        page.reload()
        expect(page.locator("#poignee")).to_have_attribute("aria-valuenow", str(before + 2))
        press("?")
        expect(page.locator("h1")).to_have_text("Raccourcis clavier")
        page.get_by_role("button", name="Désactiver").click()
        page.goto(f"{house.url}/m/")
        page.locator(".courriels a").first.focus()
        press("Delete")
        press("?")
        expect(page.locator("#liste h1")).to_have_text("Boîte de réception")
        assert house.subjects(person, "Trash") == []
        assert watched.complaints == []


def test_keys_that_come_before_the_answer_are_taken_after_it(
    house: House, chromium: Browser, person: Principal
) -> None:
    """The list is another one then: what is pressed meanwhile is about that one, and nothing of it is lost."""
    with visiting(chromium, script=True) as watched:
        page = watched.page
        enter(page, house, person)
        page.keyboard.press("j")
        expect(page.locator(item(page, "Sujet 5"))).to_be_focused()
        page.keyboard.press("Delete")
        expect(page.locator("#dit")).to_contain_text("1 message mis à la corbeille")
        held: list[Route] = []
        page.route("**/annuler", lambda route: held.append(route), times=1)
        for key in ("z", "j", "x"):
            page.keyboard.press(key)
        expect(page.locator("#liste[aria-busy=true]")).to_have_count(1)
        assert page.locator("#nombre").text_content() == ""
        held[0].continue_()
        expect(page.locator("#nombre")).to_have_text("1 choisi")
        expect(page.locator(".courriels li:has(:checked) a:has-text('Sujet 3')")).to_be_focused()
        assert watched.complaints == []


def test_what_is_chosen_while_new_mail_comes_in_stays_chosen(
    house: House, chromium: Browser, person: Principal
) -> None:
    with visiting(chromium, script=True) as watched:
        page = watched.page
        enter(page, house, person)
        page.keyboard.press("j")
        held: list[Route] = []
        page.route(f"**{page.get_attribute('#liste', 'data-adresse')}", lambda route: held.append(route), times=1)
        house.deliver(person, mail("Nouveau"))
        expect(page.locator("#liste[aria-busy=true]")).to_have_count(1)
        page.keyboard.press("j")
        page.keyboard.press("x")
        expect(page.locator("#nombre")).to_have_text("1 choisi")
        held[0].continue_()
        expect(page.locator(item(page, "Nouveau"))).to_have_count(1)
        expect(page.locator("#nombre")).to_have_text("1 choisi")
        expect(page.locator(".courriels li:has(:checked) a:has-text('Sujet 4')")).to_be_focused()
        assert watched.complaints == []


def test_messages_are_dragged_to_folders(house: House, chromium: Browser, person: Principal) -> None:
    with visiting(chromium, script=True) as watched:
        page = watched.page
        enter(page, house, person)
        archive = f".volet a[data-boite='{house.box(person, 'Archive').id}']"
        page.drag_and_drop(item(page, "Sujet 5"), archive)
        expect(page.locator("#dit")).to_contain_text("1 message déplacé")
        assert house.subjects(person, "Archive") == ["Sujet 5"]
        assert watched.complaints == []


def test_news_reach_every_tab_by_one_stream(house: House, chromium: Browser, person: Principal) -> None:
    """Rows come in where the list is at its top, a button where one has scrolled; what is chosen stays, and the focus
    and the place. The second tab takes over from the first."""
    with visiting(chromium, script=True) as watched:
        first = watched.page
        enter(first, house, person)
        second = first.context.new_page()
        streams: list[str] = []
        second.on("request", lambda request: streams.append(request.url))
        second.set_viewport_size({"width": 1366, "height": 300})
        second.goto(f"{house.url}/m/")
        rows = second.locator(".courriels > li")
        expect(rows).to_have_count(5)
        second.evaluate("document.getElementById('liste').scrollTop = 60")
        first.locator(".courriels input").nth(2).check()
        first.locator(item(first, "Sujet 3")).focus()
        house.deliver(person, mail("Nouveau"))
        expect(first.locator(".courriels > li").first).to_contain_text("Nouveau")
        expect(first.locator(".courriels li:has(:checked)")).to_contain_text("Sujet 3")
        expect(first.locator("#nombre")).to_have_text("1 choisi")
        expect(first.locator(item(first, "Sujet 3"))).to_be_focused()
        expect(second.locator("#arrivee")).to_have_text("1 nouveau")
        for page in (first, second):
            expect(page.locator(".volet [aria-current] .compte")).to_have_text(re.compile("^7"))
            expect(page).to_have_title(re.compile(r"^\(7\) "))
        expect(rows).to_have_count(5)
        assert second.evaluate("document.getElementById('liste').scrollTop") == 60
        assert not any(url.endswith("/flux") for url in streams)
        second.click("#arrivee")
        expect(rows.first).to_contain_text("Nouveau")
        expect(second.locator(".courriels a").first).to_be_focused()
        first.close()
        house.deliver(person, mail("Encore"))
        expect(rows.first).to_contain_text("Encore")
        assert any(url.endswith("/flux") for url in streams)


def test_a_row_in_hand_is_acted_on_alone(house: House, chromium: Browser, person: Principal) -> None:
    """Its bar under the pointer, and the menu of the right button; neither touches what else is chosen."""
    with visiting(chromium, script=True) as watched:
        page = watched.page
        enter(page, house, person)
        page.locator(".courriels input").nth(3).check()
        row = page.locator(".courriels > li").nth(1)
        row.hover()
        watched.picture("liste-survol")
        row.get_by_role("button", name="Archiver").click()
        expect(page.locator("#dit")).to_contain_text("1 message archivé")
        assert house.subjects(person, "Archive") == ["Sujet 4"]
        page.locator("#dit").get_by_role("button", name="Annuler").click()
        expect(page.locator(".courriels > li")).to_have_count(5)
        row = page.locator(".courriels > li").nth(1)
        row.click(button="right")
        expect(page.locator("#menu-plus")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.locator(".courriels :checked")).to_have_count(0)
        row.click(button="right")
        page.locator("#menu-plus").get_by_role("button", name="Suivre", exact=True).click()
        expect(page.locator("#dit")).to_contain_text("1 message suivi")
        expect(page.locator(".courriels > li").nth(1).locator(".suivi")).to_have_count(1)
        assert watched.complaints == []


def test_a_row_is_pushed_aside_on_a_phone(house: House, chromium: Browser, person: Principal) -> None:
    """To the left it is archived, to the right deleted; not far enough, nothing is done; both can be taken back."""
    with visiting(chromium, size="telephone", script=True) as watched:
        page = watched.page
        enter(page, house, person)
        for subject, by, told in (
            ("Sujet 5", -100, ""),
            ("Sujet 5", -250, "1 message archivé"),
            ("Sujet 4", 250, "1 message mis à la corbeille"),
        ):
            push(page, subject, by)
            if told:
                expect(page.locator("#dit")).to_contain_text(told)
                watched.picture(f"liste-pousse-{subject[-1]}")
            expect(page.locator(".glisse")).to_have_count(0)
        assert house.subjects(person, "Archive") == ["Sujet 5"]
        assert house.subjects(person, "Trash") == ["Sujet 4"]
        page.locator("#dit").get_by_role("button", name="Annuler").click()
        expect(page.locator(item(page, "Sujet 4"))).to_have_count(1)
        expect(page).to_have_url(re.compile(r"/m/$"))  # no message was opened
        assert watched.complaints == []


@pytest.mark.parametrize("swipe", ["lu", "rien"])
def test_pushing_to_the_right_does_what_one_has_chosen(
    house: House, chromium: Browser, person: Principal, swipe: str
) -> None:
    """By the form of the settings; to the left it archives as before."""
    with visiting(chromium, size="telephone", script=True) as watched:
        page = watched.page
        enter(page, house, person)
        page.goto(f"{house.url}/m/reglages/affichage")
        wanted = {"lu": "le marque comme lu", "rien": "ne fait rien"}[swipe]
        page.get_by_role("radio", name=wanted).check()
        page.get_by_role("button", name="Enregistrer les réglages").click()
        enter_again(page, house)
        push(page, "Sujet 5", 250)
        if swipe == "lu":
            expect(page.locator("#dit")).to_contain_text("1 message marqué comme lu")
        push(page, "Sujet 4", -250)
        expect(page.locator("#dit")).to_contain_text("1 message archivé")
        expect(page.locator(".glisse")).to_have_count(0)
        expect(page.locator(".courriels > li.n").filter(has_text="Sujet 5")).to_have_count(int(swipe == "rien"))
        assert house.subjects(person, "Archive") == ["Sujet 4"]
        assert house.subjects(person, "Trash") == []
        assert watched.complaints == []


def enter_again(page: Page, house: House) -> None:
    page.goto(f"{house.url}/m/")
    expect(page.locator("#cocher input")).to_have_count(1)


def push(page: Page, subject: str, by: int) -> None:
    """What a finger on a row tells the page."""
    page.locator(item(page, subject)).evaluate(
        """(link, by) => {
            const box = link.getBoundingClientRect();
            const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
            link.closest("li").setPointerCapture = () => {};
            const tell = (name, at) => link.dispatchEvent(new PointerEvent(name,
                { pointerType: "touch", isPrimary: true, bubbles: true, clientX: at, clientY: y }));
            tell("pointerdown", x);
            for (let step = 1; step <= 5; step++) tell("pointermove", x + (by * step) / 5);
            tell("pointerup", x + by);
        }""",
        by,
    )


def test_the_column_of_folders_folds_and_remembers(house: House, chromium: Browser, person: Principal) -> None:
    """A folded folder shows what is new in all that it hides, live; without a script it folds all the same."""
    for name in ("Classes", "Classes/4e B", "Classes 2"):
        house.store.write_now(mailboxes.create, person.account_id, name)
    with visiting(chromium, script=True) as watched:
        page = watched.page
        enter(page, house, person)
        names = page.locator(".volet .arbre").last.locator("xpath=ancestor-or-self::ul[last()]")
        expect(names.locator("a > span:first-of-type")).to_have_text(["Classes", "4e B", "Classes 2"])
        inner = page.locator(".volet").get_by_role("link", name="4e B")
        with page.expect_response(lambda answer: answer.url.endswith("/m/dossiers/replier")) as kept:
            page.locator(".volet summary").click()
        assert kept.value.status == 204
        expect(inner).to_be_hidden()
        page.reload()
        expect(page.locator("#cocher input")).to_have_count(1)
        expect(inner).to_be_hidden()
        page.drag_and_drop(item(page, "Sujet 5"), ".volet a:has-text('Classes') >> nth=0")
        page.goto(f"{house.url}/m/dossier/{house.box(person, 'Classes/4e B').id}")
        expect(inner).to_be_visible()  # what is shown is in the column
        assert watched.complaints == []


def test_the_column_counts_what_is_flagged_as_it_changes(house: House, chromium: Browser, person: Principal) -> None:
    """Without a reload; the page that the entry leads to finds as many."""
    with visiting(chromium, script=True) as watched:
        page = watched.page
        enter(page, house, person)
        flagged = page.locator(".volet a[data-compte=suivis]")
        expect(flagged).to_have_text("Suivis")
        page.locator(item(page, "Sujet 5")).focus()
        page.keyboard.press("s")
        expect(flagged).to_have_text(re.compile(r"^\s*Suivis\s*1 message suivi$"))
        house.store.write_now(
            messages.store_flags, person.account_id, house.box(person, "INBOX").id, [3, 4], "+", ["\\Flagged"]
        )
        expect(flagged).to_have_text(re.compile(r"^\s*Suivis\s*3 messages suivis$"))
        expect(page).to_have_title(re.compile(r"^\(6\)"))
        flagged.click()
        expect(page.locator("#liste .fin").first).to_have_text("3 messages trouvés")
        expect(flagged).to_have_attribute("aria-current", "page")
        house.store.write_now(messages.store_flags, person.account_id, house.box(person, "INBOX").id, None, "=", [])
        expect(flagged).to_have_text("Suivis")
        expect(page).not_to_have_title(re.compile(r"^\("))
        assert watched.complaints == []


def test_a_fault_never_lands_in_a_pane(house: House, chromium: Browser, person: Principal) -> None:
    """A message that is gone is said; a session that ended leads to the login page."""
    with visiting(chromium, script=True) as watched:
        page = watched.page
        enter(page, house, person)
        box = house.box(person, "INBOX")
        rows = house.store.read_now(messages.fetch, person.account_id, box.id, ("uid",))
        house.store.write_now(messages.erase, person.account_id, box.id, [rows[-1][0]])
        page.click(item(page, "Sujet 5"))
        expect(page.locator("#dit")).to_contain_text("Ce n’est plus ici")
        expect(page.locator("#lecteur")).to_contain_text("Choisissez un message")
        house.store.write_now(sessions.close_all, person.account_id)
        page.click(item(page, "Sujet 4"))
        expect(page.locator("#mot_de_passe")).to_be_visible()
        page.fill("#identifiant", person.login)
        page.fill("#mot_de_passe", PASSWORD)
        page.click("text=Me connecter")
        expect(page.locator("h1.sujet")).to_have_text("Sujet 4")


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_every_state_is_accessible_and_fits(
    house: House, chromium: Browser, person: Principal, size: str, scheme: str
) -> None:
    """axe-core finds nothing with the pane open, items chosen, menus open, a notice shown, in each density."""
    found: dict[str, list[str]] = {}

    def look(name: str, watched: Watched) -> None:
        schemes = ("light", "dark") if name in ("menu", "annonce", "volet") else (scheme,)
        for worn in schemes:
            watched.page.emulate_media(color_scheme="dark" if worn == "dark" else "light")
            watched.picture(f"etat-{name}-{size}-{worn}")
            if faults := faults_of(watched.page, rules_of(size, worn)):
                found[f"{name} {worn}"] = faults

    with visiting(chromium, size=size, scheme=scheme, script=True, bypass_csp=True) as watched:
        page = watched.page
        enter(page, house, person)
        page.locator(".courriels input").first.check()
        page.click("[popovertarget=menu-etiquettes]")
        look("menu", watched)
        page.locator("#menu-etiquettes [name=poser]").first.click()
        expect(page.locator("#dit")).to_contain_text("1 message étiqueté")
        look("annonce", watched)
        page.click("[popovertarget=menu-tri]")
        look("tri", watched)
        page.keyboard.press("Escape")
        if size == "bureau":
            page.click(item(page, "Sujet 3"))
            expect(page.locator("#lecteur h2")).to_be_visible()
            look("volet", watched)
        page.goto(f"{house.url}/m/?f=nonlus,suivis")
        look("filtre", watched)
        page.goto(f"{house.url}/m/annuler")
        look("annuler", watched)
        page.goto(f"{house.url}/m/raccourcis")
        look("raccourcis", watched)
        for layout, density in (("bas", "confort"), ("liste", "compacte")):
            choice = {"layout": layout, "density": density}
            house.store.write_now(stored_preferences.revise_preferences, person.account_id, choice)
            page.goto(f"{house.url}/m/")
            look(layout, watched)
        page.set_viewport_size({"width": 320, "height": 640})
        page.goto(f"{house.url}/m/")
        look("etroit", watched)
    assert found == {}


PREVIEWS = """(least) => [...document.querySelectorAll('.courriels i')].map((one) => {
    const line = one.closest('.quoi').getBoundingClientRect(), begin = document.createRange();
    begin.setStart(one.firstChild, 0);
    begin.setEnd(one.firstChild, least);
    const parts = [...begin.getClientRects()];
    const inside = parts.filter((part) => part.bottom <= line.bottom + 1 && part.right <= line.right + 1);
    return [inside.length, parts.length];
})"""
"""Of each row: how many pieces of its preview's beginning are in sight, and how many there are (0: hidden)."""


def test_a_preview_has_room_for_its_beginning_or_is_not_shown(house: House, chromium: Browser, emma: Principal) -> None:
    """Whatever the subject's length and the row's height."""
    for length in range(10, 130, 6):
        house.deliver(
            emma, mail(("Réunion de rentrée " * 9)[:length], body="Les salles sont celles de l’an dernier.\n")
        )
    with visiting(chromium, script=True) as watched:
        page = watched.page
        log_in(page, house, emma.login, "complet")
        for layout, density in (
            ("liste", "normale"),
            ("liste", "compacte"),
            ("droite", "confort"),
            ("droite", "normale"),
        ):
            chosen = {"layout": layout, "density": density}
            house.store.write_now(stored_preferences.revise_preferences, emma.account_id, chosen)
            page.goto(f"{house.url}/m/")
            rows = [(seen, of) for seen, of in page.evaluate(PREVIEWS, message_list.LEAST) if of]
            assert [row for row in rows if row[0] not in (0, row[1])] == [], (layout, density)
            if (layout, density) != ("droite", "normale"):  # two lines beside the reader show subjects alone
                assert {bool(seen) for seen, _ in rows} == {True, False}, (layout, density)
        assert rows == []


def test_phones_show_many_messages_and_one_pane(house: House, chromium: Browser, person: Principal) -> None:
    for number in range(20):
        house.deliver(person, mail(f"Suite {number}"))
    with visiting(chromium, size="telephone", script=True) as watched:
        page = watched.page
        enter(page, house, person)
        rail = page.evaluate("document.querySelector('.applis').getBoundingClientRect().top")
        ends = page.evaluate(
            "[...document.querySelectorAll('.courriels li')].map(i => i.getBoundingClientRect().bottom)"
        )
        assert sum(end <= rail for end in ends) >= 11
        page.click(item(page, "Suite 19"))
        expect(page.locator("h1.sujet")).to_have_text("Suite 19")


def test_folders_that_others_make_are_in_the_column_at_once(house: House, chromium: Browser, person: Principal) -> None:
    """In every tab of the browser, and what had the focus keeps it."""
    with visiting(chromium, script=True) as watched:
        page = watched.page
        enter(page, house, person)
        other = page.context.new_page()
        other.goto(page.url)
        page.locator(".volet").get_by_role("link", name="Envoyés").focus()
        house.store.write_now(mailboxes.create, person.account_id, "Voyage à Rome")
        for tab in (page, other):
            expect(tab.locator(".volet").get_by_role("link", name="Voyage à Rome")).to_be_visible()
        expect(page.locator(".volet").get_by_role("link", name="Envoyés")).to_be_focused()
        expect(page.locator(".volet a[aria-current]")).to_contain_text("Boîte de réception")
        house.store.write_now(mailboxes.remove, person.account_id, "Voyage à Rome")
        for tab in (page, other):
            expect(tab.locator(".volet").get_by_role("link", name="Voyage à Rome")).to_have_count(0)
        assert watched.complaints == []


def test_folders_made_while_nobody_listened_are_in_the_column(
    house: House, chromium: Browser, person: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream has ended; the next one begins five seconds later."""
    monkeypatch.setattr(event_stream, "STREAM_SECONDS", 0.0)
    with visiting(chromium, script=True) as watched:
        page = watched.page
        with page.expect_request_finished(lambda request: request.url.endswith("/flux")):
            enter(page, house, person)
        house.store.write_now(mailboxes.create, person.account_id, "Entre deux")
        expect(page.locator(".volet").get_by_role("link", name="Entre deux")).to_be_visible()


def test_budget_of_the_first_inbox(house: House, chromium: Browser, person: Principal) -> None:
    """Requests, octets and nodes of the complete interface with 50 messages: the first time, and again."""
    house.clock.forward_to(9)  # from the evening on "Ce soir" is not offered
    for number in range(60):
        house.deliver(person, mail(f"Lot {number}", body="Une phrase ordinaire pour l’extrait de la liste.\n" * 4))
    with visiting(chromium, script=True) as watched:
        page = watched.page
        page.goto(f"{house.url}/login")
        wire = Wire(page)
        page.fill("#identifiant", person.login)
        page.fill("#mot_de_passe", PASSWORD)
        page.click("text=Me connecter")
        settled(page, wire)
        # The login and the page it leads to, two sheets, three scripts (core, list, offline), the stream.
        assert len(wire.requests) <= 8, wire.addresses
        assert wire.octets <= 34_000
        assert page.evaluate("document.querySelectorAll('*').length") <= 900
        wire.forget()
        page.goto(f"{house.url}/m/")
        settled(page, wire)
        assert len(wire.requests) <= 2, wire.addresses  # the page and the stream
        assert wire.octets <= 10_000


def settled(page: Page, wire: Wire) -> None:
    """All that a page of the list loads has come, and the stream has been asked for."""
    expect(page.locator(".courriels > li")).to_have_count(50)
    expect(page.locator("#cocher input")).to_have_count(1)
    page.wait_for_load_state("load")

    def listening() -> bool:
        page.wait_for_timeout(50)  # what the browser tells comes while the page is waited for
        return any(urlsplit(address).path == "/flux" for address in wire.addresses)

    until(listening)


def test_links_lead_on_when_a_script_does_not_come(house: House, chromium: Browser, person: Principal) -> None:
    """The list's own script counts on the one of every page; without that one it leaves links and forms alone."""
    with visiting(chromium, script=True) as watched:
        page = watched.page
        page.route(re.compile(r"/core\.\w+\.js$"), lambda route: route.abort())
        log_in(page, house, person.login, "complet")
        page.click(item(page, "Sujet 5"))
        expect(page).to_have_url(re.compile(r"/m/message/\d+"))
        expect(page.locator(".lettre")).to_contain_text("Corps 5")
        page.go_back()
        page.locator(".courriels input").first.check()
        bar(page, "Archiver").click()
        expect(page.locator(".courriels > li")).to_have_count(4)
        assert {text.split("::")[-1] for text in watched.complaints} == {"ERR_FAILED"}

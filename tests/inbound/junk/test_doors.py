"""A served instance: every door's moves teach, within seconds; the command line teaches, shows and forgets."""

import json
import mailbox
import smtplib
import time
from collections.abc import Callable
from pathlib import Path

from tests.harness import DEMO_PASSWORD, Instance
from tests.inbound.junk.samples import bad, good
from tests.waiting import until
from tests.webui.house import Visitor

LOGIN = "mmartin"


def learned(instance: Instance, *options: str) -> tuple[int, int]:
    said = json.loads(instance.command("junk", "show", "DIR", "--json", *options).stdout)
    return said["spam"], said["ham"]


def send(instance: Instance, *messages: bytes) -> None:
    with smtplib.SMTP("127.0.0.1", instance.ports["smtp"], timeout=60) as client:
        for octets in messages:
            client.sendmail("a@ailleurs.fr", [f"{LOGIN}@ac-exemple.fr"], octets)


def test_by_every_door(demo: Instance) -> None:
    demo.command("junk", "reset", "DIR", "--everything")
    send(demo, *(bad(number) for number in range(4)))
    client = demo.imap(LOGIN)
    client.select("INBOX")
    _, (found,) = client.uid("SEARCH", "HEADER", "Message-ID", ".gagnez@x")
    uids = [uid.decode() for uid in found.split()]
    client.uid("MOVE", uids[0], "Junk")
    client.uid("COPY", uids[1], "Junk")
    client.uid("STORE", uids[2], "+FLAGS", "($Junk)")
    client.append("Junk", "", imap_now(), bad(50))
    until(lambda: learned(demo, "--login", LOGIN) == (4, 0))
    assert learned(demo) == (3, 0), "what was appended teaches its owner alone"
    client.uid("STORE", uids[2], "-FLAGS", "($Junk)")
    in_the_browser(demo, client.uid("SEARCH", "HEADER", "Message-ID", "3.gagnez@x")[1][0].decode())
    for name in ("INBOX", "Junk"):
        client.select(name)
        _, (found,) = client.uid("SEARCH", "HEADER", "Message-ID", ".gagnez@x")
        client.uid("STORE", found.decode().replace(" ", ","), "+FLAGS", "(\\Deleted)")
        client.expunge()
    client.logout()
    demo.command("junk", "reset", "DIR", "--everything")


def in_the_browser(instance: Instance, uid: str) -> None:
    """The buttons of the reader, there and back."""
    assert uid
    visitor = Visitor(f"http://127.0.0.1:{instance.ports['http']}", instance.directory / "tls" / "cert.pem")
    visitor.log_in(LOGIN, DEMO_PASSWORD)
    visitor.get("/s/")
    visitor.get(visitor.links(r"/s/message/\d+")[0])
    message = visitor.field("m")
    for action, expected in (("indesirable", (4, 0)), ("desirable", (3, 1))):
        target = visitor.text.partition('class="agir"')[2].partition('action="')[2].partition('"')[0]
        visitor.post(target, {"m": message, "lecteur": 1, "retour": "", "faire": action})
        until(lambda expected=expected: learned(instance, "--login", LOGIN) == expected)  # type: ignore[misc]
        visitor.get(f"/s/message/{message}")
    visitor.http.close()


def imap_now() -> str:
    return time.strftime('"%d-%b-%Y %H:%M:%S +0000"', time.gmtime())


def test_the_command_line(fresh: Callable[..., Instance], tmp_path: Path) -> None:
    instance = fresh()
    spam, ham = tmp_path / "junk.mbox", tmp_path / "good"
    box = mailbox.mbox(spam)
    for number in [*range(12), 3]:
        box.add(bad(number))
    box.close()
    ham.mkdir()
    for number in range(11):
        (ham / f"{number}.eml").write_bytes(good(number))
    (ham / ".hidden").write_bytes(good(99))
    said = instance.command("junk", "train", "DIR", "--spam", spam, "--ham", ham, "--json").stdout
    assert json.loads(said) == {"spam": 12, "ham": 11}
    shown = json.loads(instance.command("junk", "show", "DIR", "--json").stdout)
    assert shown == {"login": "", "spam": 12, "ham": 11, "least": 100, "waiting": 0, "judges": False}
    instance.configure("[junk]\nleast = 10\n")
    assert "judges messages" in instance.command("junk", "show", "DIR").stdout
    instance.command("junk", "train", "DIR", "--login", "admin", "--spam", spam)
    assert learned(instance, "--login", "admin") == (12, 0)
    log = json.loads(instance.command("account", "log", "DIR", "admin", "--json").stdout)
    assert [row["code"] for row in log if row["action"] == "junk-taught"] == ["junk-trained"]
    assert json.loads(instance.command("junk", "reset", "DIR", "--login", "admin", "--json").stdout) == {"forgotten": 1}
    assert (learned(instance, "--login", "admin"), learned(instance)) == ((0, 0), (12, 11))
    instance.command("junk", "reset", "DIR", "--everything")
    assert learned(instance) == (0, 0)
    for words, code in (
        (("train", "DIR"), 2),
        (("train", "DIR", "--spam", tmp_path / "nothing"), 2),
        (("show", "DIR", "--login", "nobody"), 1),
        (("reset", "DIR", "--login", "admin", "--everything"), 2),
    ):
        assert instance.command("junk", *words, check=False).returncode == code, words

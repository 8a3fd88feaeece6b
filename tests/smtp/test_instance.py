"""A served instance: mail in by one worker, out by another, the plug pulled in between."""

import json
import smtplib
import time
from collections.abc import Callable

from mailserver.store.queue import spool
from tests.harness import Instance
from tests.smtp.dialogues import tls_context
from tests.smtp.elsewhere import Elsewhere
from tests.smtp.house import PASSWORD
from tests.waiting import until

SENDER = "ada@ac-exemple.fr"


def test_accepted_mail_survives_the_plug_and_leaves_once(fresh: Callable[..., Instance]) -> None:
    elsewhere = Elsewhere()
    instance = fresh()
    people = instance.directory / "people.csv"
    people.write_text(f"given_name,surname,role,login,password\nAda,Essai,teacher,ada,{PASSWORD}\n")
    instance.command("import", "DIR", people, "--accept-passwords")
    instance.configure(f'[outbound]\nsmarthost = "{elsewhere.target}"\nretry = [1]\n')
    instance.start("--workers", "2")
    with smtplib.SMTP("127.0.0.1", instance.ports["submission"], timeout=60) as client:
        client.starttls(context=tls_context())
        client.login("ada", PASSWORD)
        for number in range(5):
            client.sendmail(SENDER, [f"x{number}@ailleurs.fr"], f"From: {SENDER}\r\n\r\n{number}\r\n".encode())
    instance.kill()
    instance.start("--workers", "2")
    elsewhere.start()
    until(lambda: len(elsewhere.inbox.taken) == 5, seconds=4 * spool.LEASE)
    time.sleep(0.5)
    assert sorted(one.rcpt_tos[0] for one in elsewhere.inbox.taken) == [f"x{n}@ailleurs.fr" for n in range(5)]
    until(lambda: json.loads(instance.command("queue", "show", "DIR", "--json").stdout) == [])
    elsewhere.inbox.answers["no@ailleurs.fr"] = "550 5.1.1 no"
    with smtplib.SMTP_SSL("127.0.0.1", instance.ports["submissions"], timeout=60, context=tls_context()) as client:
        client.login(SENDER, PASSWORD)
        client.sendmail(SENDER, ["no@ailleurs.fr"], f"From: {SENDER}\r\nSubject: perdu\r\n\r\nx\r\n".encode())
    box = instance.imap("ada", PASSWORD)
    box.select("INBOX", readonly=True)
    until(lambda: box.noop()[0] == "OK" and box.search(None, "SUBJECT", '"Undelivered"')[1] != [b""])
    box.logout()
    elsewhere.stop()

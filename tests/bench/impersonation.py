"""How many messages are said to imitate somebody, and what judging costs.

python -m tests.bench.impersonation [FOLDER of messages]...
"""

import argparse
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from mailserver.inbound.impersonation import names, sender
from mailserver.inbound.impersonation.sender import ProtectedNames
from mailserver.inbound.junk.teaching import messages_in
from mailserver.mime.header import header_limit
from mailserver.model.messages.authentication import NOT_CHECKED
from mailserver.model.messages.impersonation import Signs
from tests.bench.junk_corpus import corpus, messages

PROTECTED = ProtectedNames(("ac-exemple.fr",), (), names.house_words("Académie", "ac-exemple.fr"))
ALARMS = Signs.DOMAIN | Signs.ALPHABETS | Signs.SERVICE | Signs.ADDRESS_IN_NAME | Signs.ANSWERS_ALIKE


def judge(some: Iterable[bytes]) -> None:
    found: Counter[str] = Counter()
    alarms = remarks = count = 0
    spent = 0.0
    for octets in some:
        header = octets[: header_limit.end(octets, len(octets))]
        began = time.process_time()
        signs = sender.judge(sender.read(header), PROTECTED, NOT_CHECKED) & ~Signs.JUDGED
        spent += time.process_time() - began
        count += 1
        alarms += bool(signs & ALARMS)
        remarks += bool(signs and not signs & ALARMS)
        found.update(str(one.name) for one in Signs if one and one in signs)
    each = 1000 * spent / max(1, count)
    print(f"{count} messages: {alarms} alarms, {remarks} remarks {dict(found)}; {each:.3f} ms each")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path)
    sender.prepare()
    for folder in parser.parse_args().folders:
        judge(messages_in(folder))
    judge(messages(corpus(1, 6000, 0), spam=False))


if __name__ == "__main__":
    main()

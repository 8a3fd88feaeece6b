"""How many good messages the filter takes for junk, how much junk it catches, and what a message costs.

python -m tests.bench.junk [--good 20000] [--bad 10000] [--seed 1] [FOLDER of further good messages]...
"""

import argparse
import time
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path

from mailserver.foundation.settings import Junk
from mailserver.inbound.junk import bayes
from mailserver.inbound.junk.bayes import numbers
from mailserver.inbound.junk.counts import Dense, Lesson
from mailserver.inbound.junk.teaching import messages_in
from mailserver.inbound.junk.tokens import tokens
from mailserver.mime import scan, unpack
from tests.bench.junk_corpus import corpus, messages

THRESHOLDS = (900, 950, 990, 995, 999, 1000)


def of(octets: bytes) -> list[str]:
    return tokens(octets, unpack(scan(octets).parts))


def scores(model: Dense, some: Iterable[bytes]) -> list[int]:
    return sorted(bayes.score(of(octets), model, None).permille for octets in some)


def above(found: list[int], threshold: int) -> int:
    return len(found) - bisect_left(found, threshold)


def cost(model: Dense, some: list[bytes]) -> float:
    """Milliseconds of processor for a message whose scan is there, as at delivery."""
    roots = [(octets, unpack(scan(octets).parts)) for octets in some]
    begun = time.process_time()
    for octets, root in roots:
        bayes.score(tokens(octets, root), model, None)
    return 1000 * (time.process_time() - begun) / len(roots)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--good", type=int, default=20_000)
    parser.add_argument("--bad", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("folders", nargs="*", type=Path)
    chosen = parser.parse_args()
    samples = corpus(chosen.seed, chosen.good, chosen.bad)
    half = len(samples) // 2
    model = Dense()
    model.add(Lesson(numbers(of(one.octets)), int(one.spam), int(not one.spam)) for one in samples[:half])
    later = samples[half:]
    good, bad = (scores(model, messages(later, spam=spam)) for spam in (False, True))
    print(f"learned: {model.spam} junk, {model.ham} good; judged, later: {len(bad)} junk, {len(good)} good")
    for threshold in THRESHOLDS:
        mark = " <- the setting" if threshold == Junk().threshold else ""
        wrong, caught = above(good, threshold), above(bad, threshold)
        print(
            f"from {threshold:4}: {wrong} good taken for junk ({100 * wrong / len(good):.3f} %), "
            f"{100 * caught / len(bad):.1f} % of junk caught{mark}"
        )
    for folder in chosen.folders:
        others = scores(model, messages_in(folder))
        print(f"{folder}: {above(others, Junk().threshold)} of {len(others)} taken for junk")
    long = [octets + b"\r\n" + b" ".join(octets.split()) * 4 for octets in messages(later[:400], spam=False)]
    print(f"a message costs {cost(model, long):.2f} ms ({sum(map(len, long)) / len(long) / 1024:.1f} KB in the middle)")


if __name__ == "__main__":
    main()

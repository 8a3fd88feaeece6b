"""What is known of TLS with other servers, on both engines: policies until they expire, TLS that was there before."""

import pytest

from mailserver.model.clock import DAY
from mailserver.model.sending.mta_sts import Mode, Policy
from mailserver.store.engine.transactions import Store
from mailserver.store.queue.outbound import sts_policies, tls_memory
from mailserver.store.queue.outbound.tls_memory import Remembered

POLICY = Policy(Mode.ENFORCE, ("mx.ailleurs.fr", "*.autre.fr"), 10 * DAY)


def test_a_policy_is_kept_used_refreshed_and_replaced(store: Store) -> None:
    assert store.read_now(sts_policies.get, "ailleurs.fr") is None
    store.write_now(sts_policies.keep, "ailleurs.fr", "1", POLICY)
    store.write_now(sts_policies.use, "ailleurs.fr")
    store.write_now(sts_policies.use, "nobody.fr")
    kept = store.read_now(sts_policies.get, "ailleurs.fr")
    assert kept is not None
    assert (kept.record, kept.policy) == ("1", POLICY)
    assert store.read_now(sts_policies.due, 10) == []
    store.write_now(sts_policies.keep, "ailleurs.fr", "2", Policy(Mode.NONE, (), 60))
    again = store.read_now(sts_policies.get, "ailleurs.fr")
    assert again is not None
    assert (again.record, again.policy, again.used) == ("2", Policy(Mode.NONE, (), 60), kept.used)


def test_a_policy_that_says_so_is_over_at_once(store: Store) -> None:
    store.write_now(sts_policies.keep, "ailleurs.fr", "1", Policy(Mode.ENFORCE, ("mx.ailleurs.fr",), 0))
    assert store.read_now(sts_policies.get, "ailleurs.fr") is None
    assert store.write_now(sts_policies.forget) == 1
    assert store.write_now(sts_policies.forget) == 0


def test_there_are_only_so_many_policies(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sts_policies, "MOST", 1)
    for domain in ("a.fr", "b.fr", "a.fr"):
        store.write_now(sts_policies.keep, domain, "1", POLICY)
    assert store.read_now(sts_policies.get, "a.fr") is not None
    assert store.read_now(sts_policies.get, "b.fr") is None


def test_tls_is_remembered_once_a_day_and_its_lack_until_it_is_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.read_now(tls_memory.get, "ailleurs.fr") is None
    store.write_now(tls_memory.lose, "ailleurs.fr")
    for _ in range(2):
        store.write_now(tls_memory.keep, "ailleurs.fr")
    assert store.read_now(tls_memory.get, "ailleurs.fr") == Remembered(1, 0)
    store.write_now(tls_memory.lose, "ailleurs.fr")
    lost = store.read_now(tls_memory.get, "ailleurs.fr")
    assert lost is not None
    assert lost.lost > 0
    store.write_now(tls_memory.lose, "ailleurs.fr")
    assert store.read_now(tls_memory.get, "ailleurs.fr") == lost
    store.write_now(tls_memory.keep, "ailleurs.fr")
    assert store.read_now(tls_memory.get, "ailleurs.fr") == Remembered(1, 0)
    monkeypatch.setattr(tls_memory, "MOST", 1)
    store.write_now(tls_memory.keep, "autre.fr")
    assert store.read_now(tls_memory.get, "autre.fr") is None
    assert store.write_now(tls_memory.forget) == 0
    monkeypatch.setattr(tls_memory, "REMEMBERED", -DAY)
    assert store.write_now(tls_memory.forget) == 1

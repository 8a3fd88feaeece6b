"""`/metrics`: figures of every part, for this machine and whom the settings name, never through a proxy."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from mailserver.foundation.metrics.families import FAMILIES
from mailserver.foundation.network.peers import is_loopback
from mailserver.foundation.settings import Metrics
from mailserver.operations.backup import kept
from mailserver.operations.health import figures as figures_module
from tests.certificate_files import write_pair
from tests.webui.house import DOMAIN, House, Visitor

TOKEN = "un-jeton-de-supervision"


def figures(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Samples by name and labels."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sorted(sample.labels.items()))] = sample.value
    return found


@pytest.fixture
def watched(house: House, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    """Settings of who may read are as before afterwards."""
    before = dict(house.settings.metrics.__dict__)
    yield house
    house.settings.metrics.__dict__.update(before)


def let(house: House, **values: object) -> None:
    house.settings.metrics.__dict__.update(Metrics.model_validate(values).__dict__)


def test_every_figure_is_there(house: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures_module, "REMEMBERED", 0.0)
    visitor.get("/aide")
    kept.note_made(house.settings.data, 1_700_000_000.0)
    kept.note_trial(house.settings.data, "x", ["not whole", "nor this"])
    answer = visitor.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = figures(answer.text)
    names = {
        name.removesuffix("_total").removesuffix("_bucket").removesuffix("_sum").removesuffix("_count")
        for name in found
    }
    assert names >= {family.name.removesuffix("_total") for family in FAMILIES if family.labels != ("list", "found")}
    assert all(name.startswith("mailserver_") for name in found)
    assert found["mailserver_web_answers_total"][(("door", "pages"), ("status", "200"))] >= 1
    assert found["mailserver_queue_deliveries"][(("age", "5m"), ("state", "new"))] == 0
    assert found["mailserver_healthy"][(("part", "writes"),)] == 1
    assert found["mailserver_certificate_not_after_timestamp_seconds"][(("file", "cert.pem"),)] > house.clock.now()
    assert found["mailserver_backup_last_success_timestamp_seconds"][()] == 1_700_000_000.0
    assert found["mailserver_restore_trial_faults"][()] == 2.0
    assert next(iter(found["mailserver_process_resident_memory_bytes"].values())) > 1e6
    assert found["mailserver_disk_free_bytes"]
    assert found["mailserver_index_backlog"]
    assert found["mailserver_index_unsegmented"][()] == 0


def test_the_certificates_that_are_presented_have_their_end(
    house: House, visitor: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not one that was forgotten: the instance's own takes its place, and nobody is to get up for it."""
    monkeypatch.setattr(figures_module, "REMEMBERED", 0.0)
    folder = house.settings.certificate.parent / "sni"
    try:
        write_pair(folder / DOMAIN, DOMAIN, days=-1)
        write_pair(folder / "webmail.ac-exemple.fr", "webmail.ac-exemple.fr", days=-1)
        found = figures(visitor.get("/metrics").text)["mailserver_certificate_not_after_timestamp_seconds"]
    finally:
        shutil.rmtree(folder)
    assert {dict(labels)["file"] for labels in found} == {"cert.pem", "sni/webmail.ac-exemple.fr/cert.pem"}


@pytest.mark.parametrize("peer", ["192.0.2.1", "10.0.0.1", "", "127.evil.test", "::ffff:192.0.2.1"])
def test_loopback_is_this_machine(peer: str) -> None:
    assert not is_loopback(peer)
    assert is_loopback("127.0.0.1")
    assert is_loopback("::1")


@pytest.mark.parametrize("field", ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"])
def test_through_a_proxy_nobody_is_this_machine(visitor: Visitor, field: str) -> None:
    """Also a proxy that the settings do not name: it connects from loopback, and says that it passes on."""
    assert visitor.get("/metrics", headers={field: "127.0.0.1"}).status_code == 404
    assert visitor.get("/metrics").status_code == 200


def test_a_token_is_asked_of_everybody(watched: House, visitor: Visitor) -> None:
    path = Path(watched.settings.directory / "secrets" / "metrics")
    let(watched, token_file="metrics")
    assert visitor.get("/metrics").status_code == 404, "there is no such file: nobody has its token"
    path.write_text("\n")
    assert visitor.get("/metrics", headers={"Authorization": "Bearer"}).status_code == 404, "an empty one is none"
    path.write_text(TOKEN + "\n")
    for given in ("", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"):
        assert visitor.get("/metrics", headers={"Authorization": given.encode()}).status_code == 404
    assert visitor.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200


def test_networks_may_read_besides(watched: House, visitor: Visitor) -> None:
    """Who comes from one of them may, and a proxy there speaks for itself."""
    forwarded = {"X-Forwarded-For": "192.0.2.1"}
    assert visitor.get("/metrics", headers=forwarded).status_code == 404
    let(watched, networks=("127.0.0.0/8",))
    assert visitor.get("/metrics", headers=forwarded).status_code == 200

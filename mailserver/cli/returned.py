"""What an operator is told of an instance that came back from an earlier time."""

from dataclasses import asdict
from pathlib import Path

from mailserver.store.upkeep.returning import Returned
from mailserver.texts.command_line import _


def fields(found: Returned) -> dict[str, int]:
    """As JSON has it."""
    return asdict(found)


def tell_what_waits(found: Returned, directory: Path) -> None:
    """Mail that may have left since then, and where to decide on it."""
    if found.held:
        print(
            _(
                "{held} envois sont retenus, car peut-être déjà partis : `mailserver queue show {directory}`",
                held=found.held,
                directory=directory,
            )
        )
    if found.drafts:
        print(
            _(
                "{drafts} lettres programmées, peut-être déjà parties, sont redevenues des brouillons",
                drafts=found.drafts,
            )
        )
    if found.digests:
        print(
            _(
                "{count} messages de listes quittent le résumé du jour des membres extérieurs, peut-être déjà parti",
                count=found.digests,
            )
        )
    _tell_who_decides(found, directory)


def _tell_who_decides(found: Returned, directory: Path) -> None:
    if found.submissions:
        print(
            _(
                "{count} messages attendent un accord, peut-être déjà partis : `mailserver sending held {directory}`",
                count=found.submissions,
                directory=directory,
            )
        )
    if found.mailings:
        print(
            _(
                "{count} envois en nombre sont arrêtés, peut-être déjà partis : `mailserver mailings list {directory}`",
                count=found.mailings,
                directory=directory,
            )
        )
    if found.moderated:
        print(
            _(
                "{count} messages de listes attendent, peut-être déjà diffusés : `mailserver list held {directory}`",
                count=found.moderated,
                directory=directory,
            )
        )
    if found.infected:
        print(
            _(
                "{count} messages à virus attendent, peut-être déjà libérés : `mailserver junk held {directory}`",
                count=found.infected,
                directory=directory,
            )
        )

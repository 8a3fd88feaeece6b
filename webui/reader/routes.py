"""The addresses of reading, in either interface, and the one that both share."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Route

from webui.page.dispatch import Doors
from webui.reader import attachments, message_parts, page, printing, recall, redirect, source, trusted_senders
from webui.reader.content import images
from webui.reader.previews import preview
from webui.reader.requests import invitations, receipts, unsubscribe


def mail(doors: Doors) -> Sequence[BaseRoute]:
    """A message and all that is done with it, below `/s` and `/m`."""
    visit = doors.visit
    return [
        Route("/message/{message:key}", visit(page.show_message)),
        Route("/message/{message:key}/eml", visit(attachments.eml)),
        Route("/message/{message:key}/source", visit(source.show_source)),
        Route("/message/{message:key}/entetes", visit(source.header)),
        Route("/message/{message:key}/imprimer", visit(printing.show_message_for_print)),
        Route("/message/{message:key}/pieces.zip", visit(attachments.archive)),
        Route("/message/{message:key}/apercu/{number}", visit(preview.show)),
        Route("/message/{message:key}/images", visit(images.choose), methods=["POST"]),
        Route("/message/{message:key}/confiance", visit(trusted_senders.choose), methods=["POST"]),
        Route("/message/{message:key}/accuse", visit(receipts.answer), methods=["POST"]),
        Route("/message/{message:key}/invitation", visit(invitations.answer), methods=["POST"]),
        Route("/message/{message:key}/desabonner", visit(unsubscribe.leave), methods=["POST"]),
        Route("/message/{message:key}/rediriger", visit(redirect.ask_redirect), methods=["GET"]),
        Route("/message/{message:key}/rediriger", visit(redirect.send_on), methods=["POST"]),
        Route("/message/{message:key}/rappeler", visit(recall.ask), methods=["GET"]),
        Route("/message/{message:key}/rappeler", visit(recall.take_back), methods=["POST"]),
        Route("/message/{message:key}/hameconnage", visit(redirect.report_phishing), methods=["POST"]),
        Route("/dossier/{box:key}/imprimer", visit(printing.show_for_print), methods=["GET"]),
        Route("/dossier/{box:key}/imprimer", visit(printing.gather), methods=["POST"]),
        Route("/corps/{message:key}", visit(message_parts.body)),
        Route("/piece/{message:key}/{number}", visit(attachments.save)),
        Route("/piece/{message:key}/{number}/voir", visit(attachments.view)),
    ]


def abroad(doors: Doors) -> Sequence[BaseRoute]:
    """The same of a message in a mailbox of others, which its address names; without what is about one's own mail."""
    visit = doors.visit
    at = "/partage/{box:key}/{message:key}"
    return [
        Route(at, visit(page.show_message)),
        Route(f"{at}/eml", visit(attachments.eml)),
        Route(f"{at}/source", visit(source.show_source)),
        Route(f"{at}/entetes", visit(source.header)),
        Route(f"{at}/imprimer", visit(printing.show_message_for_print)),
        Route(f"{at}/pieces.zip", visit(attachments.archive)),
        Route(f"{at}/apercu/{{number}}", visit(preview.show)),
        Route(f"{at}/corps", visit(message_parts.body)),
        Route(f"{at}/piece/{{number}}", visit(attachments.save)),
        Route(f"{at}/piece/{{number}}/voir", visit(attachments.view)),
    ]


def shared(doors: Doors) -> Sequence[BaseRoute]:
    """What a signed address leads to, whichever interface wrote it."""
    return [Route(images.PATH, doors.visit(images.Pictures().show))]

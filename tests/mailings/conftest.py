"""The academy of SMTP, whose mailings are small."""

from tests.smtp.conftest import instance_template, make_house

__all__ = ["instance_template", "make_house"]

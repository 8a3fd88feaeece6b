"""What somebody is, in the reader's language: their role, and the state of their account."""

from mailserver.model.identity import Role, State
from webui.page.context import Guest


def role_words(guest: Guest, role: Role) -> str:
    """A role."""
    _ = guest._
    return {
        Role.TEACHER: _("Enseignant"),
        Role.STAFF: _("Personnel"),
        Role.PUPIL: _("Élève"),
        Role.SECRETARIAT: _("Secrétariat"),
        Role.ADMIN: _("Administration"),
    }[role]


def role_choices(guest: Guest) -> tuple[tuple[str, str], ...]:
    """The roles that people of schools have, for a list of choices: value and words."""
    return tuple((role.value, role_words(guest, role)) for role in Role if role is not Role.ADMIN)


def state_words(guest: Guest, state: State) -> str:
    """The state of an account."""
    _ = guest._
    return {
        State.PENDING: _("à activer"),
        State.ACTIVE: _("actif"),
        State.SUSPENDED: _("suspendu"),
        State.CLOSED: _("fermé"),
    }[state]

"""Accounts: the service's own facts about a person, whoever the directory belongs to.

Every change of state or password moves `login_version` and tells all workers, so that a login kept in
memory anywhere is looked at again. Rows are never deleted.

`rows` reads, `keeping` keeps what belongs to an account (hashes, codes, quota), `states` moves it through its life.
"""

from mailserver.store.account.accounts.keeping import (
    adopt,
    create,
    end_logins,
    logged_in,
    password_chosen,
    password_withdrawn,
    set_code,
    set_quota,
    set_waiting_code,
    start_provisioning,
    start_provisioning_of,
)
from mailserver.store.account.accounts.reasons import kept_reason, read_reason
from mailserver.store.account.accounts.rows import (
    NEVER,
    Mark,
    Marks,
    Renewal,
    Standing,
    by_login,
    by_logins,
    by_mark,
    get,
    lock,
    page,
    require,
)
from mailserver.store.account.accounts.states import (
    NO_FAREWELL,
    Farewell,
    begin_erasure,
    cancel_closing,
    close,
    end_erasure,
    forget_planned_suspension,
    plan_closing,
    planned_farewell,
    restore,
    resume,
    suspend,
)

__all__ = [
    "NEVER",
    "NO_FAREWELL",
    "Farewell",
    "Mark",
    "Marks",
    "Renewal",
    "Standing",
    "adopt",
    "begin_erasure",
    "by_login",
    "by_logins",
    "by_mark",
    "cancel_closing",
    "close",
    "create",
    "end_erasure",
    "end_logins",
    "erase",
    "forget_planned_suspension",
    "get",
    "kept_reason",
    "lock",
    "logged_in",
    "page",
    "password_chosen",
    "password_withdrawn",
    "plan_closing",
    "planned_farewell",
    "read_reason",
    "require",
    "restore",
    "resume",
    "set_code",
    "set_quota",
    "set_waiting_code",
    "start_provisioning",
    "start_provisioning_of",
    "suspend",
]

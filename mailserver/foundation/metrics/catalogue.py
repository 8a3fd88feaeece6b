"""Every figure that a process counts. What is asked of the store instead is in `mailserver.operations.health.figures`.

Labels are of our own making: no address, account, domain or text of a peer ever becomes one.
"""

from mailserver.foundation.host_processes import INDEXER, RELAY, WORKER
from mailserver.foundation.metrics.families import QUICK, SLOW, Counter, Gauge, Histogram, NamedCounter
from mailserver.model.messages.authentication import Alignment

MAIL_DOORS = ("smtp", "lmtp", "submission")
SMTP_CODES = (
    *("250", "421", "450", "451", "452", "454", "500", "501", "502", "503", "504"),
    *("521", "523", "530", "534", "535", "538", "550", "551", "552", "553", "554", "555", "556"),
)
LISTENERS = (
    *("smtp", "lmtp", "submission", "submissions", "imap", "imaps", "sieve", "ldap", "ldaps"),
    *("http", "https", "redirect"),
)
IMAP_COMMANDS = (
    *("append", "authenticate", "cancelupdate", "capability", "check", "close", "compress"),
    *("copy", "create", "delete", "deleteacl", "enable", "expunge", "fetch", "getacl"),
    *("getmetadata", "getquota", "getquotaroot", "identify", "idle", "list", "listrights"),
    *("login", "logout", "lsub", "move", "multisearch", "myrights", "namespace", "noop"),
    *("notify", "rename", "replace", "search", "select", "setacl", "setmetadata", "setquota"),
    *("sort", "starttls", "status", "store", "subscribe", "thread", "unauthenticate"),
    *("unselect", "unsubscribe", "unwanted"),
)
LDAP_OPERATIONS = ("bind", "search", "modify", "add", "delete", "modify_dn", "compare", "extended")
LDAP_CODES = (
    *("admin_limit_exceeded", "assertion_failed", "attribute_or_value_exists"),
    *("auth_method_not_supported", "busy", "compare_false", "compare_true"),
    *("confidentiality_required", "constraint_violation", "entry_already_exists"),
    *("inappropriate_matching", "insufficient_access_rights", "invalid_attribute_syntax"),
    *("invalid_credentials", "invalid_dn_syntax", "naming_violation", "no_such_attribute"),
    *("no_such_object", "not_allowed_on_non_leaf", "not_allowed_on_rdn"),
    *("object_class_mods_prohibited", "object_class_violation", "operations_error", "other"),
    *("protocol_error", "size_limit_exceeded", "success", "time_limit_exceeded", "unavailable"),
    *("unavailable_critical_extension", "undefined_attribute_type", "unwilling_to_perform"),
)
LOGIN_DOORS = ("web", "imap", "submission", "sieve", "dav", "ldap")
LOGIN_RESULTS = ("good", "bad", "throttled", "refused")
WEB_DOORS = ("pages", "news", "dav")
WEB_STATUS = (
    *("200", "201", "204", "206", "207", "301", "302", "303", "304", "400", "401", "403", "404", "405", "409", "411"),
    *("412", "413", "414", "415", "422", "423", "429", "431", "500", "501", "502", "503", "507"),
)
COUNTED = ("connections", "messages", "recipients", "unknown", "proven", "served")
DMARC = tuple(found.name.lower() for found in Alignment)
POOLS = ("read", "slow", "write", "heavy")
PARTS = (
    *("app", "audit", "authentication", "backup", "blob_gc", "certificates", "data_export", "dav", "deliver"),
    *("directory", "dkim", "dlp", "feeds", "filters", "health", "housekeeping", "imap", "import", "indexer", "junk"),
    *("ldap", "listener", "lists", "login", "mailings", "managesieve", "move", "news", "ports", "previews", "push"),
    *("queue", "recovery", "relay", "reload", "reports", "scheduled", "schema", "screening", "smtp", "store"),
    *("submit", "tls", "tracing", "trusted_clock", "uploads", "web", "webui", "withdrawal"),
)

# ---------------------------------------------------------------------- connections, logins

CONNECTIONS = Counter("connections_total", "Connections accepted", {"door": LISTENERS})
TURNED_AWAY = Counter("connections_refused_total", "Connections that were one too many", {"door": LISTENERS})
OPEN = Gauge("connections_open", "Connections open now", {"door": LISTENERS})
LOGINS = Counter("logins_total", "Logins by how they ended", {"door": LOGIN_DOORS, "result": LOGIN_RESULTS})

# ---------------------------------------------------------------------- mail that comes

MESSAGES = Counter("smtp_messages_total", "Messages by their answer", {"door": MAIL_DOORS, "code": SMTP_CODES})
SMTP_ERRORS = Counter("smtp_errors_total", "Answers of 4xx and 5xx", {"door": MAIL_DOORS, "code": SMTP_CODES})
TRANSACTION_SECONDS = Histogram(
    "smtp_transaction_seconds", "From MAIL to the answer about the message", {"door": MAIL_DOORS}, SLOW
)
DELIVERED = Counter("deliveries_total", "Copies of messages put into mailboxes from outside", {"door": MAIL_DOORS})
DELIVERY_SECONDS = Histogram(
    "delivery_seconds", "To put a message into mailboxes and queue, commit included", {"door": MAIL_DOORS}, QUICK
)
HELD_BACK = Counter(
    "smtp_held_back_total", "Peers that were asked to come later, by what was too much", {"what": COUNTED}
)
UNKNOWN_RECIPIENTS = Counter(
    "smtp_unknown_recipients_total", "Recipients asked for at the exchange who are not here", {}
)
GREYLISTED = Counter("smtp_greylisted_total", "Messages whose senders were asked to come again", {})
DNSBL = NamedCounter(
    "dnsbl_questions_total",
    "Peers looked up in blocklists, by what was found",
    {"list": (), "found": ("listed", "clean", "refused", "unanswered")},
)
DNS = Counter(
    "dns_questions_total",
    "Questions to name servers by how they ended",
    {"end": ("answered", "unanswered", "broken", "away")},
)
AUTHENTICATED = Counter("authentication_results_total", "Messages by what DMARC found", {"dmarc": DMARC})
AUTHENTICATION_REFUSED = Counter("authentication_refused_total", "Messages refused for their author's policy", {})
AUTHENTICATION_DEFERRED = Counter("authentication_deferred_total", "Messages whose author nobody knows now", {})
AUTHENTICATION_SECONDS = Histogram("authentication_seconds", "Time to authenticate a message", {}, SLOW)

# ---------------------------------------------------------------------- mail that goes

ATTEMPTED = Counter(
    "queue_recipients_total",
    "Recipients elsewhere, by what an attempt came to",
    {"result": ("delivered", "deferred", "failed")},
)
ATTEMPT_SECONDS = Histogram("queue_attempt_seconds", "An attempt to hand a message to another server", {}, SLOW)
OUTBOUND_TLS = Counter(
    "outbound_tls_total",
    "Connections to other servers by their TLS; failed: less was tried, or the message waits",
    {"result": ("clear", "encrypted", "verified", "dane", "failed")},
)
TLS_LOST = Counter("outbound_tls_lost_total", "Attempts at servers that took mail over TLS before and do no more", {})
STS_POLICIES = Counter(
    "sts_policies_total", "MTA-STS policies of other domains that were asked for", {"end": ("fetched", "failed")}
)
CONNECTIONS_USED = Counter(
    "queue_connections_total",
    "Connections that a message was handed over on: dialled for it, or kept from the one before",
    {"how": ("dialled", "kept")},
)
CONNECTIONS_IDLE = Gauge("queue_connections_idle", "Connections to other servers kept for the next message", {})
DESTINATIONS_AWAY = Gauge(
    "queue_destinations_away", "Domains that could not be reached and are not dialled for a while", {}
)
REPORTS_LEFT_OUT = Counter("reports_left_out_total", "Observations that no report will tell of", {})
REPORTS_READ = Counter(
    "reports_read_total", "Aggregate reports by what became of them", {"end": ("new", "twice", "refused", "taken")}
)

# ---------------------------------------------------------------------- other doors

IMAP_SECONDS = Histogram("imap_command_seconds", "IMAP commands but IDLE", {"command": IMAP_COMMANDS}, QUICK)
IMAP_ANSWERS = Counter("imap_answers_total", "Tagged answers", {"condition": ("OK", "NO", "BAD")})
WEB_ANSWERS = Counter("web_answers_total", "Answers by door and status", {"door": WEB_DOORS, "status": WEB_STATUS})
WEB_SECONDS = Histogram("web_seconds", "Time from request to the end of the answer", {"door": WEB_DOORS}, QUICK)
LDAP_SECONDS = Histogram("ldap_request_seconds", "LDAP requests", {"operation": LDAP_OPERATIONS}, QUICK)
LDAP_ANSWERS = Counter("ldap_answers_total", "Results of LDAP requests", {"code": LDAP_CODES})

# ---------------------------------------------------------------------- processes

LOOP_DELAY = Histogram("event_loop_delay_seconds", "How late the event loop turned, looked at each second", {}, QUICK)
POOL_THREADS = Gauge(
    "pool_threads",
    "Threads of the pools, of which each holds a connection to the database but for heavy ones",
    {"pool": POOLS},
)
POOL_BUSY = Gauge("pool_busy", "Those at work", {"pool": POOLS})
POOL_WAITING = Gauge("pool_waiting", "What waits for a thread", {"pool": POOLS})
LOG_LINES = Counter(
    "log_lines_total", "Warnings and errors in the log, by part", {"part": PARTS, "level": ("warning", "error")}
)
RESTARTS = Counter(
    "process_restarts_total",
    "Processes that ended and were started again",
    {"process": (WORKER, RELAY, INDEXER)},
)
JOB_FAILURES = Counter("job_failures_total", "Background work that failed and began again", {})

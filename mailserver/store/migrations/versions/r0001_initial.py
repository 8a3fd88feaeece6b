"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("login", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("may_receive", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("state_reason", sa.Text(), server_default="", nullable=False),
        sa.Column("state_since", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("state_before", sa.String(length=16), server_default="", nullable=False),
        sa.Column("quota", sa.BigInteger(), server_default="-1", nullable=False),
        sa.Column("provisioned", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("login_given", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("login_version", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("activated", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("password_set", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("last_login", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("numen", sa.LargeBinary(length=32), nullable=True),
        sa.Column("ine", sa.LargeBinary(length=32), nullable=True),
        sa.Column("birth_date", sa.LargeBinary(length=32), nullable=True),
        sa.Column("code", sa.LargeBinary(length=32), nullable=True),
        sa.Column("code_expires", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("recovery_address", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("login", name=op.f("uq_account_login")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_account_ine", "account", ["ine"], unique=False)
    op.create_index("ix_account_numen", "account", ["numen"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.String(length=16), nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_account_id_id", "audit", ["account_id", "id"], unique=False)
    op.create_table(
        "claim",
        sa.Column("name", sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql"), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("live", sa.SmallInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_claim")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_claim_account_id", "claim", ["account_id"], unique=False)
    op.create_table(
        "content",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("header_size", sa.BigInteger(), nullable=False),
        sa.Column("envelope", sa.LargeBinary(), nullable=False),
        sa.Column("bodystructure", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("parts", sa.LargeBinary(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("base_subject", sa.Text(), nullable=False),
        sa.Column("sender", sa.Text(), nullable=False),
        sa.Column("sender_address", sa.Text(), nullable=False),
        sa.Column("recipients", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("in_reply_to", sa.Text(), nullable=False),
        sa.Column("refs", sa.Text(), nullable=False),
        sa.Column("preview", sa.Text(), nullable=False),
        sa.Column("attachments", sa.Integer(), nullable=False),
        sa.Column("indexed", sa.SmallInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_content")),
        sa.UniqueConstraint("hash", name=op.f("uq_content_hash")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_content_unindexed",
        "content",
        ["id"],
        unique=False,
        sqlite_where=sa.text('"indexed" = 0'),
        postgresql_where=sa.text('"indexed" = 0'),
    )
    op.create_table(
        "familiar_peer",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", "peer", name=op.f("pk_familiar_peer")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "guess",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("blocked_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_guess")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_guess_last", "guess", ["last"], unique=False)
    op.create_table(
        "mailing_list",
        sa.Column("address", sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_key", sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql"), nullable=False),
        sa.Column("owner", sa.Text(), server_default="", nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("modified", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("address", name=op.f("pk_mailing_list")),
    )
    op.create_table(
        "news",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("worker", sa.BigInteger(), nullable=False),
        sa.Column("changes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_news")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "orphan",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("content_id", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orphan")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "school",
        sa.Column("uai", sa.String(length=8), nullable=False),
        sa.Column("name", sa.Text(), server_default="", nullable=False),
        sa.Column(
            "name_key", sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql"), server_default="", nullable=False
        ),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("modified", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("uai", name=op.f("pk_school")),
    )
    op.create_table(
        "search_account",
        sa.Column(
            "account_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("waiting", sa.BigInteger(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_search_account")),
    )
    op.create_index("ix_search_account_waiting", "search_account", ["waiting"], unique=False)
    op.create_table(
        "search_lease",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("worker", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_lease")),
    )
    op.create_table(
        "search_segment",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("docs", sa.LargeBinary(), nullable=False),
        sa.Column("loose", sa.LargeBinary(), nullable=False),
        sa.Column("header_words", sa.LargeBinary(), nullable=False),
        sa.Column("header_postings", sa.LargeBinary(), nullable=False),
        sa.Column("body_words", sa.LargeBinary(), nullable=False),
        sa.Column("body_postings", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_search_segment")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_search_segment_account_id"), "search_segment", ["account_id"], unique=False)
    op.create_table(
        "search_text",
        sa.Column(
            "content_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False
        ),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("content_id", name=op.f("pk_search_text")),
    )
    op.create_table(
        "agenda_home",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("collections", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_agenda_home_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_agenda_home")),
    )
    op.create_table(
        "blob",
        sa.Column("content_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("header", sa.LargeBinary(), nullable=False),
        sa.Column("octets", sa.LargeBinary(), nullable=True),
        sa.Column("file", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_blob_content_id")),
        sa.PrimaryKeyConstraint("content_id", name=op.f("pk_blob")),
    )
    op.create_index(
        "ix_blob_file",
        "blob",
        ["file"],
        unique=False,
        sqlite_where=sa.text("file IS NOT NULL"),
        postgresql_where=sa.text("file IS NOT NULL"),
    )
    op.create_table(
        "collection",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("tag", sa.String(length=16), nullable=False),
        sa.Column("props", sa.Text(), nullable=False),
        sa.Column("modseq", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("floor", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("items", sa.Integer(), server_default="0", nullable=False),
        sa.Column("octets", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_collection_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_collection")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_collection_account_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "list_member",
        sa.Column("list", sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql"), nullable=False),
        sa.Column("member", sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql"), nullable=False),
        sa.ForeignKeyConstraint(["list"], ["mailing_list.address"], name=op.f("fk_list_member_list")),
        sa.PrimaryKeyConstraint("list", "member", name=op.f("pk_list_member")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_list_member_member", "list_member", ["member"], unique=False)
    op.create_table(
        "mailbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("uidnext", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("modseq", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("flags_modseq", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("recent", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("messages", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("unseen", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("octets", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("special_use", sa.String(length=32), server_default="", nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_mailbox_account_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mailbox")),
        sa.UniqueConstraint("account_id", "name", name=op.f("uq_mailbox_account_id_name")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "person",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("given_name", sa.Text(), nullable=False),
        sa.Column("surname", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("aliases", sa.Text(), server_default="", nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("uai", sa.String(length=8), server_default="", nullable=False),
        sa.Column("discipline", sa.Text(), server_default="", nullable=False),
        sa.Column("hidden", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("password", sa.Text(), server_default="", nullable=False),
        sa.Column("given_key", sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql"), nullable=False),
        sa.Column("surname_key", sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql"), nullable=False),
        sa.Column("name_key", sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql"), nullable=False),
        sa.Column(
            "discipline_key",
            sa.Text().with_variant(sa.TEXT(collation="C"), "postgresql"),
            server_default="",
            nullable=False,
        ),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("modified", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_person_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_person")),
    )
    op.create_index("ix_person_given_key", "person", ["given_key"], unique=False)
    op.create_index("ix_person_name_key", "person", ["name_key"], unique=False)
    op.create_index("ix_person_role", "person", ["role"], unique=False)
    op.create_index("ix_person_surname_key", "person", ["surname_key"], unique=False)
    op.create_index("ix_person_uai", "person", ["uai"], unique=False)
    op.create_table(
        "queued",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("content_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("reverse_path", sa.Text(), nullable=False),
        sa.Column("ret", sa.String(length=4), nullable=False),
        sa.Column("envid", sa.Text(), nullable=False),
        sa.Column("utf8", sa.SmallInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_queued_content_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queued")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_queued_content_id"), "queued", ["content_id"], unique=False)
    op.create_table(
        "session",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("created", sa.BigInteger(), nullable=False),
        sa.Column("seen", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("lifetime", sa.BigInteger(), nullable=False),
        sa.Column("login_version", sa.BigInteger(), nullable=False),
        sa.Column("interface", sa.String(length=8), nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_session_account_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_session")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_session_account_id", "session", ["account_id"], unique=False)
    op.create_index("ix_session_expires", "session", ["expires"], unique=False)
    op.create_table(
        "subscription",
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_subscription_account_id")),
        sa.PrimaryKeyConstraint("account_id", "name", name=op.f("pk_subscription")),
    )
    op.create_table(
        "web_once",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("done", sa.SmallInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_web_once_account_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_web_once")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_web_once_expires", "web_once", ["expires"], unique=False)
    op.create_table(
        "web_parked",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_web_parked_account_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_web_parked")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_web_parked_account_id", "web_parked", ["account_id"], unique=False)
    op.create_index("ix_web_parked_expires", "web_parked", ["expires"], unique=False)
    op.create_table(
        "web_preference",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("interface", sa.String(length=8), nullable=False),
        sa.Column("page_size", sa.SmallInteger(), nullable=False),
        sa.Column("text_size", sa.String(length=8), nullable=False),
        sa.Column("formatted", sa.SmallInteger(), nullable=False),
        sa.Column("answer_below", sa.SmallInteger(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_web_preference_account_id")),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_web_preference")),
    )
    op.create_table(
        "web_undo",
        sa.Column("token_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("expires", sa.BigInteger(), nullable=False),
        sa.Column("origin_id", sa.BigInteger(), nullable=False),
        sa.Column("place_id", sa.BigInteger(), nullable=False),
        sa.Column("uids", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_web_undo_account_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_web_undo")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_web_undo_expires", "web_undo", ["expires"], unique=False)
    op.create_table(
        "expunged",
        sa.Column("mailbox_id", sa.BigInteger(), nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name=op.f("fk_expunged_mailbox_id")),
        sa.PrimaryKeyConstraint("mailbox_id", "modseq", "uid", name=op.f("pk_expunged")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "item",
        sa.Column("collection_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("href", sa.Text(), nullable=False),
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("etag", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("component", sa.String(length=16), nullable=False),
        sa.Column("starts", sa.BigInteger(), nullable=False),
        sa.Column("ends", sa.BigInteger(), nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("octets", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["collection_id"], ["collection.id"], name=op.f("fk_item_collection_id")),
        sa.PrimaryKeyConstraint("collection_id", "href", name=op.f("pk_item")),
        sa.UniqueConstraint("collection_id", "uid", name=op.f("uq_item_collection_id_uid")),
    )
    op.create_index("ix_item_collection_id_ends", "item", ["collection_id", "ends"], unique=False)
    op.create_index("ix_item_collection_id_modseq", "item", ["collection_id", "modseq"], unique=False)
    op.create_table(
        "item_gone",
        sa.Column("collection_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("href", sa.Text(), nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["collection_id"], ["collection.id"], name=op.f("fk_item_gone_collection_id")),
        sa.PrimaryKeyConstraint("collection_id", "href", name=op.f("pk_item_gone")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_item_gone_collection_id_modseq", "item_gone", ["collection_id", "modseq"], unique=False)
    op.create_table(
        "keyword",
        sa.Column("mailbox_id", sa.BigInteger(), nullable=False),
        sa.Column("bit", sa.SmallInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name=op.f("fk_keyword_mailbox_id")),
        sa.PrimaryKeyConstraint("mailbox_id", "bit", name=op.f("pk_keyword")),
    )
    op.create_table(
        "message",
        sa.Column("mailbox_id", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("content_id", sa.BigInteger(), nullable=False),
        sa.Column("flags", sa.BigInteger(), nullable=False),
        sa.Column("modseq", sa.BigInteger(), nullable=False),
        sa.Column("internal_date", sa.BigInteger(), nullable=False),
        sa.Column("saved", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["content_id"], ["content.id"], name=op.f("fk_message_content_id")),
        sa.ForeignKeyConstraint(["mailbox_id"], ["mailbox.id"], name=op.f("fk_message_mailbox_id")),
        sa.PrimaryKeyConstraint("mailbox_id", "uid", name=op.f("pk_message")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_message_content_id_mailbox_id", "message", ["content_id", "mailbox_id"], unique=False)
    op.create_table(
        "queued_domain",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("queued_id", sa.BigInteger(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("lease", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("warned", sa.SmallInteger(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["queued_id"], ["queued.id"], name=op.f("fk_queued_domain_queued_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queued_domain")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_queued_domain_due"), "queued_domain", ["due"], unique=False)
    op.create_index(op.f("ix_queued_domain_queued_id"), "queued_domain", ["queued_id"], unique=False)
    op.create_table(
        "queued_recipient",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("domain_id", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("notify", sa.SmallInteger(), nullable=False),
        sa.Column("orcpt", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["domain_id"], ["queued_domain.id"], name=op.f("fk_queued_recipient_domain_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queued_recipient")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_queued_recipient_domain_id", "queued_recipient", ["domain_id"], unique=False)


def downgrade() -> None:
    op.drop_index("ix_queued_recipient_domain_id", table_name="queued_recipient")
    op.drop_table("queued_recipient")
    op.drop_index(op.f("ix_queued_domain_queued_id"), table_name="queued_domain")
    op.drop_index(op.f("ix_queued_domain_due"), table_name="queued_domain")
    op.drop_table("queued_domain")
    op.drop_index("ix_message_content_id_mailbox_id", table_name="message")
    op.drop_table("message")
    op.drop_table("keyword")
    op.drop_index("ix_item_gone_collection_id_modseq", table_name="item_gone")
    op.drop_table("item_gone")
    op.drop_index("ix_item_collection_id_modseq", table_name="item")
    op.drop_index("ix_item_collection_id_ends", table_name="item")
    op.drop_table("item")
    op.drop_table("expunged")
    op.drop_index("ix_web_undo_expires", table_name="web_undo")
    op.drop_table("web_undo")
    op.drop_table("web_preference")
    op.drop_index("ix_web_parked_expires", table_name="web_parked")
    op.drop_index("ix_web_parked_account_id", table_name="web_parked")
    op.drop_table("web_parked")
    op.drop_index("ix_web_once_expires", table_name="web_once")
    op.drop_table("web_once")
    op.drop_table("subscription")
    op.drop_index("ix_session_expires", table_name="session")
    op.drop_index("ix_session_account_id", table_name="session")
    op.drop_table("session")
    op.drop_index(op.f("ix_queued_content_id"), table_name="queued")
    op.drop_table("queued")
    op.drop_index("ix_person_uai", table_name="person")
    op.drop_index("ix_person_surname_key", table_name="person")
    op.drop_index("ix_person_role", table_name="person")
    op.drop_index("ix_person_name_key", table_name="person")
    op.drop_index("ix_person_given_key", table_name="person")
    op.drop_table("person")
    op.drop_table("mailbox")
    op.drop_index("ix_list_member_member", table_name="list_member")
    op.drop_table("list_member")
    op.drop_table("collection")
    op.drop_index(
        "ix_blob_file",
        table_name="blob",
        sqlite_where=sa.text("file IS NOT NULL"),
        postgresql_where=sa.text("file IS NOT NULL"),
    )
    op.drop_table("blob")
    op.drop_table("agenda_home")
    op.drop_table("search_text")
    op.drop_index(op.f("ix_search_segment_account_id"), table_name="search_segment")
    op.drop_table("search_segment")
    op.drop_table("search_lease")
    op.drop_index("ix_search_account_waiting", table_name="search_account")
    op.drop_table("search_account")
    op.drop_table("school")
    op.drop_table("orphan")
    op.drop_table("news")
    op.drop_table("mailing_list")
    op.drop_index("ix_guess_last", table_name="guess")
    op.drop_table("guess")
    op.drop_table("familiar_peer")
    op.drop_index(
        "ix_content_unindexed",
        table_name="content",
        sqlite_where=sa.text('"indexed" = 0'),
        postgresql_where=sa.text('"indexed" = 0'),
    )
    op.drop_table("content")
    op.drop_index("ix_claim_account_id", table_name="claim")
    op.drop_table("claim")
    op.drop_index("ix_audit_account_id_id", table_name="audit")
    op.drop_table("audit")
    op.drop_index("ix_account_numen", table_name="account")
    op.drop_index("ix_account_ine", table_name="account")
    op.drop_table("account")

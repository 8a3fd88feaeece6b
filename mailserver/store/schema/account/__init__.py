"""Tables of accounts: how they are proved, their sessions, rules, filters and browsers."""

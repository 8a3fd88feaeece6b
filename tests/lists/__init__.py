"""Lists, their policies and moderation, rules between populations."""

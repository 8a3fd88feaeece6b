"""What mail programs and other servers ask for every day: ours, on both engines, beside Postfix and Dovecot."""

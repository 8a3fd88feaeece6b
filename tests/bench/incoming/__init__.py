"""Mail from outside, taken and sorted: this service beside Postfix with Dovecot, rspamd and Pigeonhole."""

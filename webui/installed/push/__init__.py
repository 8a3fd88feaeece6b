"""Notifications for closed browsers: which of one's own are told, and that nobody is told in the browser of another."""

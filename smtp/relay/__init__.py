"""The outgoing queue is emptied: routes, attempts, delivery status notifications."""

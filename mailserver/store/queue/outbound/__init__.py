"""What sending keeps in mind: signing keys, and how other domains want TLS."""

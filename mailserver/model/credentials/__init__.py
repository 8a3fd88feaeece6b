"""Secrets and proofs as values: SASL and SCRAM without any I/O, and what people prove themselves with once."""

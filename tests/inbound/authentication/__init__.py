"""Who really sent a message: SPF, DKIM, ARC and DMARC against a real name server and a real signer."""

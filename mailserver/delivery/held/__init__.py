"""Messages that are kept until somebody decides about them, and then delivered: moderation, mailings, viruses."""

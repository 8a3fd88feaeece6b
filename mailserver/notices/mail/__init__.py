"""What people are told of mail: lists, filters, mailings, what waits, what did not leave."""

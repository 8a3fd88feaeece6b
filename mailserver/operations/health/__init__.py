"""Whether an instance is sound: made, examined, compared as a whole, and able to serve."""

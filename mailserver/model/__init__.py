"""Values and pure rules that everything above shares: no input or output."""

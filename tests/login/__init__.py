"""Login: throttling, states, activation, password rules."""

"""The web interface as an installed application: without a network, and told of news while it is closed."""

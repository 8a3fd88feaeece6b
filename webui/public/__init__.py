"""What is served without a session: pages for everybody, and the figures for Prometheus."""

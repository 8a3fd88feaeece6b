"""What the web interface keeps and asks: pages of messages, saved searches, signatures."""

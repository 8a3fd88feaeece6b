"""Commands about the service itself: made, checked, served, restarted, moved, upgraded, published."""

"""Subscribers to events: metrics and logs. Nothing in the service waits for them."""

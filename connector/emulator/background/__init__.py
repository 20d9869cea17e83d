"""What the environment does by itself: webhooks, traffic of other users."""

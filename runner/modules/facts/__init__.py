"""What a host says of itself: gathered by one script, read by pure functions."""

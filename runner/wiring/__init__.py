"""Real parts put together: hosts and repositories from the inventory, journal and renderers on one bus."""

"""The machine itself: its name, its kernel's settings, its mounts, the jobs it does by the clock."""

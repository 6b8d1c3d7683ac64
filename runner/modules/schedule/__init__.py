"""Jobs that run by themselves: one description, carried out by systemd's timers or by cron."""

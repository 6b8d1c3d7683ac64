"""pgBackRest as the engine of physical backups: the same steps, done by it where it is installed."""

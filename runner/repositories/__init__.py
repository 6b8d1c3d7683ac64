"""Where backups are kept: the contract, and its implementations memory, directory and s3."""

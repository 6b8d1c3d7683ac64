"""A git repository's content on a host, in the version that is wanted."""

"""The write-ahead log of a cluster in a repository: names, what is there, sending it and bringing it back."""

"""Archives: what is in them, whether they may be unpacked, unpacking and making them."""

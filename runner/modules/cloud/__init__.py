"""What object stores themselves are told: buckets and single objects. It is done from the controller, not on a host."""

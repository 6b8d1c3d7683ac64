"""The hosts of an inventory, built from Ansible's connection variables and our own."""

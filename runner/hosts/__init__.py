"""Machines that tasks act on: the contract, and its implementations local, ssh and fake."""

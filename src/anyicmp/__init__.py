"""Ping, sweep and traceroute for async Python: the public names and nothing else."""

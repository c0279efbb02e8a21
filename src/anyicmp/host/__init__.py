"""This host's own tables and names, read from the system. No probe is sent from here."""

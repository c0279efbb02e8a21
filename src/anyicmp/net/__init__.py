"""Sockets, non-blocking: one row format for every platform. No event loop and no measurement is known here."""

"""Requests of ours to servers of others, at addresses that people typed in."""

"""Backup and restore: one file with the database, the uploads of this machine and a manifest; docs/operations.md."""

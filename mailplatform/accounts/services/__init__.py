"""The only writers of users, installation settings and audit log."""

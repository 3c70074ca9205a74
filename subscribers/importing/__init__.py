"""Pure readers for subscriber files: bytes in, checked rows out; no database, no Django."""

"""The work of an import: a file into a staging table, and from there, chunk by chunk, into the people we know."""

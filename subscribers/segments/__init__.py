"""Rules that choose people: a checked tree, compiled to SQL, with an oracle in plain Python beside it."""

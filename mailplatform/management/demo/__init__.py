"""`make demo`: the whole product on one machine, with no account anywhere."""

"""Forms of the pages: they parse and word what people typed; services decide."""

"""The papers of data protection, written from the live configuration. Drafts for a lawyer, and they say so."""

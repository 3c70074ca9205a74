"""mailplatform: self-hosted e-mail marketing on Amazon SES."""

"""Amazon SES v2: account, identities, configuration sets, templates, suppression list and sending."""

"""What the media library takes: pictures and documents, looked at by their content and not by their name."""

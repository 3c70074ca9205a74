"""What each paper says. One function per paper: facts and answers in, blocks out."""

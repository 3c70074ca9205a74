"""Messages to other systems, as Standard Webhooks has them: signing, addresses, bodies, times of retries."""

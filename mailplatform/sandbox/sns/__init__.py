"""Amazon SNS: topics, subscriptions, signed HTTP(S) delivery with retries and dead-letter queues."""

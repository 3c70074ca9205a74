"""What every client of the sandbox must know: its account, keys, Region and port."""

ACCOUNT_ID = "123456789012"
ACCESS_KEY = "sandbox"
SECRET_KEY = "sandbox-secret"  # noqa: S105 - a published constant of a local emulator, not a secret
CALLER_IDENTITY = "sandbox-user"
DEFAULT_REGION = "eu-central-1"
DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 4579
SIMULATOR_DOMAIN = "simulator.amazonses.com"
VALIDATION_MESSAGE = "Successfully validated SNS topic for Amazon SES event publishing."
EVENT_SUBJECT = "Amazon SES Email Event Notification"
OPEN_TRACKER = "{{ses:openTracker}}"

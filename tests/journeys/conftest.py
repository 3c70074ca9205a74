"""The same account, scripted SES and sandbox as in the tests of the sender."""

from tests.campaigns.conftest import redis_client, sandbox, site

__all__ = ["redis_client", "sandbox", "site"]

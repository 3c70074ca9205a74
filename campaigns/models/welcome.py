"""The mail that greets whoever confirmed a sign-up."""

from django.db import models

from mailplatform.core.models import TimestampedModel


class Welcome(TimestampedModel):
    """Which template greets the people of one sign-up form, and the campaign under which they get it.

    The campaign comes into being with the first person; its runs and deliveries stand in the ledger of sends.
    """

    form = models.OneToOneField("subscribers.SignupForm", on_delete=models.CASCADE, related_name="+")
    template = models.ForeignKey("Template", null=True, blank=True, on_delete=models.PROTECT)
    campaign = models.ForeignKey("Campaign", null=True, blank=True, on_delete=models.PROTECT)
    # Why people wait for their mail now; empty while all is well.
    problem = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return f"welcome of form {self.form_id}"

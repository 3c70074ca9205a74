from typing import Any

import pytest

from mailplatform.management.doctor import Level, live
from mailplatform.sandbox.testing import RunningSandbox


# It provisions a whole account first.
@pytest.mark.drill
@pytest.mark.django_db(transaction=True)
def test_mails_to_the_simulators_come_back_as_events(provisioned: RunningSandbox, settings: Any) -> None:
    found = list(live.examine(wait=20))
    assert {finding.subject for finding in found} == {"Live success", "Live bounce", "Live complaint"}
    assert [finding for finding in found if finding.level is not Level.OK] == []
    settings.AWS_SECRET_ACCESS_KEY = "wrong" * 8
    assert {finding.level for finding in live.examine(wait=0)} == {Level.ERROR}

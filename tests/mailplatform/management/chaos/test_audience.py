"""The people of a trial are as the product's own: each group may, or may not, be mailed."""

from collections import Counter

import pytest

from mailplatform.management.chaos import audience
from subscribers.models import Subscriber, Suppression
from subscribers.selectors import audience as audiences

pytestmark = pytest.mark.django_db


@pytest.fixture
def made() -> audience.Audience:
    return audience.make(1000)


def test_groups_have_their_shares_and_unique_addresses(made: audience.Audience) -> None:
    sizes = Counter(person.group for person in made.people.values())
    assert sizes == {"friend": 960, "refused": 2, "suppressed": 12, "withdrawn": 10, "nobasis": 16}
    assert Subscriber.objects.count() == len({person.email for person in made.people.values()}) == 1000
    assert dict(Subscriber.objects.values_list("pk", "email")) == {
        person.id: person.email for person in made.people.values()
    }
    assert Suppression.objects.count() == 12


def test_the_product_would_mail_exactly_friends_and_refused(made: audience.Audience) -> None:
    spec = audiences.AudienceSpec(list_ids=(made.mailing_list.pk,))
    found = audiences.count(spec, kind="marketing")
    assert (found.total, found.eligible) == (1000, 962)


def test_people_leave_and_join_by_the_services(made: audience.Audience) -> None:
    assert made.let_leave("unsubscribe") == 3
    assert made.let_leave("erase") == 3
    assert made.let_leave("join") == 3
    assert sum(person.left_at is not None for person in made.people.values()) == 6
    assert Subscriber.objects.count() == 1000
    assert sum(person.group == audience.JOINED for person in made.people.values()) == 3

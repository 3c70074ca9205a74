"""The facts of this app that the papers of data protection rest on."""

from django.db import connection

from mailplatform.accounts.models import Installation
from mailplatform.accounts.papers import facts
from mailplatform.accounts.papers.facts import Fact, yes

from . import words
from .models import CustomField, LawfulBasis, MailingList, SignupText
from .services import retention as rules

# One pass over the narrow profile table, whatever the number of bases.
_PEOPLE = """
    SELECT count(*), coalesce(bool_or(marketing_basis = %s), false), coalesce(bool_or(marketing_basis = %s), false),
           coalesce(bool_or(opens_allowed OR clicks_allowed), false), EXISTS (SELECT FROM subscribers_order)
    FROM subscribers_profile
"""


def retention(_site: Installation) -> list[Fact]:
    """How long what is kept: the rules, and what no rule can change."""
    from .views.retention import FIXED  # here, because views need all apps to be ready

    found = [
        Fact(
            setting.kind.key,
            setting.kind.label,
            f"{setting.months} months" if setting.months else "kept: the rule is off",
            setting.kind.what,
        )
        for setting in rules.settings()
    ]
    return found + [Fact(f"fixed_{number}", name, text) for number, (name, text) in enumerate(FIXED)]


def people(_site: Installation) -> list[Fact]:
    """How many there are, and which bases hold for any of them."""
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, [LawfulBasis.CONSENT, LawfulBasis.SOFT_OPT_IN])
        number, consent, soft, measured, orders = cursor.fetchone()
    return [
        Fact("number", "People", f"{number:,}", is_setting=False),
        Fact("consent", "Marketing by consent", yes(consent)),
        Fact("soft_opt_in", "Marketing to existing customers", yes(soft)),
        Fact("tracking_consent", "Anybody consented to measuring", yes(measured)),
        Fact("orders", "Orders are held", yes(orders)),
    ]


def fields(_site: Installation) -> list[Fact]:
    """The custom fields."""
    return [
        Fact(field.key, field.label, field.get_type_display(), field.key)
        for field in CustomField.objects.order_by("key")
    ]


def lists(_site: Installation) -> list[Fact]:
    """The lists that people can be on, and whether a click confirms it."""
    active = MailingList.objects.filter(archived_at=None).order_by("pk")
    return [Fact(str(row.pk), row.name, row.get_opt_in_display()) for row in active]


def forms(site: Installation) -> list[Fact]:
    """What people are shown when they consent."""
    texts = (
        SignupText.objects.filter(form__archived_at=None)
        .select_related("form")
        .order_by("form_id", "language")
    )
    found = [
        Fact(
            f"{text.form_id}_{text.language}",
            f"Form “{text.form.name}”, {words.LANGUAGES.get(text.language, text.language)}",
            text.wording,
            "asks for tracking, too" if text.form.ask_tracking else "",
        )
        for text in texts
    ]
    language = words.choose(site.language)
    return [
        *found,
        Fact(
            "opens",
            "Opens, on forms and the page of preferences",
            words.say(language, "opens_wording"),
            "in six languages",
        ),
        Fact(
            "clicks",
            "Clicks, on forms and the page of preferences",
            words.say(language, "clicks_wording"),
            "in six languages",
        ),
    ]


def register() -> None:
    """Make these groups known."""
    for provider in (retention, people, fields, lists, forms):
        facts.register(provider.__name__, provider)

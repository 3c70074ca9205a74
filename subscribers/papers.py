"""The facts of this app that the papers of data protection rest on."""

from django.db import connection

from mailplatform.accounts.papers import facts
from mailplatform.accounts.papers.facts import Fact, yes
from mailplatform.accounts.services import installation

from . import words
from .models import CustomField, LawfulBasis, MailingList, Order, SignupText
from .services import retention as rules

# One pass over the narrow profile table, whatever the number of bases.
_PEOPLE = """
    SELECT count(*), coalesce(bool_or(marketing_basis = %s), false), coalesce(bool_or(marketing_basis = %s), false),
           coalesce(bool_or(opens_allowed OR clicks_allowed), false)
    FROM subscribers_profile
"""


def retention() -> list[Fact]:
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


def people() -> list[Fact]:
    """How many there are, and which bases hold for any of them."""
    with connection.cursor() as cursor:
        cursor.execute(_PEOPLE, [LawfulBasis.CONSENT, LawfulBasis.SOFT_OPT_IN])
        number, consent, soft, measured = cursor.fetchone()
    return [
        Fact("number", "People", f"{number:,}", is_setting=False),
        Fact("consent", "Marketing by consent", yes(consent)),
        Fact("soft_opt_in", "Marketing to existing customers", yes(soft)),
        Fact("tracking_consent", "Anybody consented to measuring", yes(measured)),
        Fact("orders", "Orders are held", yes(Order.objects.exists())),
    ]


def fields() -> list[Fact]:
    """The custom fields."""
    return [
        Fact(field.key, field.label, field.get_type_display(), field.key)
        for field in CustomField.objects.order_by("key")
    ]


def lists() -> list[Fact]:
    """The lists that people can be on, and whether a click confirms it."""
    active = MailingList.objects.filter(archived_at=None).order_by("pk")
    return [Fact(str(row.pk), row.name, row.get_opt_in_display()) for row in active]


def forms() -> list[Fact]:
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
    language = words.choose(installation.get().language)
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

"""The step of the wizard in which a file of orders gets its meaning."""

from collections.abc import Mapping
from typing import Any

from django import forms

from .. import money
from ..importing.columns import Column
from ..importing.order_columns import TARGETS
from ..merging.order_acts import SoftOptIn
from ..services.importing.declaring import MAX_SHOP
from .permission import OPT_OUT, SIMILAR

TARGET_WORDS = {
    "email": "E-mail address",
    "order": "Number of the order",
    "date": "Date of the order",
    "total": "Total of the order",
    "amount": "Amount of this row (rows are added up)",
    "price": "Price of one piece (rows are added up)",
    "currency": "Currency",
    "quantity": "Number of pieces",
    "product": "Product",
    "status": "Status: refuse what was not sold",
    "cancelled": "Cancelled: refuse if filled",
}
CHOICES = [(target, TARGET_WORDS[target]) for target in TARGETS]
# What is asked for first; the rest follows in alphabetical order.
_USUAL = ("EUR", "USD", "GBP", "CHF", "SEK", "DKK", "NOK", "PLN")


class OrdersForm(forms.Form):
    """Which shop, which currency, and whether the orders are a reason to write to people."""

    shop = forms.CharField(
        label="Shop",
        max_length=MAX_SHOP,
        help_text="Shop and number name an order: a file that comes twice counts once. Always use the same name.",
    )
    currency = forms.ChoiceField(
        label="Currency where the file names none",
        required=False,
        choices=[
            ("", "None: a column holds it"),
            *((code, code) for code in _USUAL),
            *((code, code) for code in sorted(money.DECIMALS) if code not in _USUAL),
        ],
    )
    soft = forms.BooleanField(
        label="These orders are our reason to write to customers (soft opt-in, ePrivacy Art. 13(2))",
        required=False,
        help_text=(
            "Only for people without any basis yet who never said no: never for anybody who unsubscribed, objected, "
            "left a list, is blocked or was erased."
        ),
    )
    similar = forms.BooleanField(label=SIMILAR, required=False)
    opt_out = forms.BooleanField(label=OPT_OUT, required=False)
    where = forms.CharField(
        label="Where was the address collected?",
        max_length=200,
        required=False,
        help_text="For example: checkout of shop.example.com.",
    )
    wording = forms.CharField(
        label="The exact words that stood there",
        max_length=5_000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def about_orders(self) -> list[forms.BoundField]:
        """Return the inputs about the orders themselves."""
        return [self["shop"], self["currency"]]

    def about_consent(self) -> list[forms.BoundField]:
        """Return the inputs about the basis."""
        return [self[name] for name in ("soft", "similar", "opt_out", "where", "wording")]

    def soft_opt_in(self) -> SoftOptIn | None:
        """Return what was declared, or None where the orders are no basis."""
        data = self.cleaned_data
        if not data["soft"]:
            return None
        names = ("similar", "opt_out", "where", "wording")
        return SoftOptIn(**{name: data[name] for name in names})


def initial(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was declared before, for this file or the one whose refused rows it holds."""
    soft = options.get("soft_opt_in") or {}
    return {
        "shop": options.get("shop", ""),
        "currency": options.get("currency", ""),
        "soft": bool(soft),
        **soft,
    }


def posted_columns(mapping: Mapping[str, Any], data: Mapping[str, Any]) -> list[Column]:
    """Return the columns that a posted page describes; the service checks them."""
    return [
        Column(stored["name"], data.get(f"target_{index}", ""))
        for index, stored in enumerate(mapping["columns"])
    ]

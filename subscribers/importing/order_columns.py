"""What each column of a file of orders means: matched by name, checked as a person confirmed it.

Several rows may make one order, one per product. Known without help are the exports of Shopify, whose order number is
called `Name`, and of WooCommerce (its own and those of the usual plug-ins).
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from .cells import Cell, as_text
from .columns import Column, MappingError, field_key, looks_like_addresses

TARGETS: Final = (
    "email",
    "order",
    "date",
    "total",
    "amount",
    "price",
    "currency",
    "quantity",
    "product",
    "status",
    "cancelled",
)
# By target, normalised names in the order in which they are preferred.
_NAMES: Final = {
    "email": "email customer_email billing_email email_billing contact_email e_mail user_email mail email_address "
    "e_mail_adresse mailadresse adresse_e_mail courriel correo correo_electronico indirizzo_email e_mailadres",
    "order": "order_number order_id order_no order_nr order_name order number_of_order order_2 bestellnummer "
    "bestell_nr bestellung auftragsnummer numero_de_commande commande numero_de_pedido pedido numero_ordine ordine "
    "bestelnummer",
    "date": "order_date created_at ordered_at date_created order_created_at purchase_date paid_at paid_date date "
    "bestelldatum datum date_de_commande fecha_de_pedido fecha data_ordine besteldatum",
    "total": "order_total total order_total_amount grand_total total_price gesamtbetrag gesamtsumme summe "
    "montant_total importe_total totale totaal",
    "amount": "line_total item_total lineitem_total line_amount item_amount positionsbetrag",
    "price": "lineitem_price item_price item_cost unit_price price einzelpreis stuckpreis prix_unitaire "
    "precio_unitario prezzo_unitario stukprijs",
    "currency": "currency order_currency currency_code wahrung waehrung devise moneda valuta",
    "quantity": "lineitem_quantity item_quantity quantity qty menge anzahl quantite cantidad quantita aantal",
    "product": "lineitem_name item_name product_name product product_s products item artikel produkt produit "
    "producto prodotto",
    "status": "financial_status payment_status order_status status",
    "cancelled": "cancelled_at canceled_at",
}
# Names that say only "amount": of the order or of its row, which the rows themselves may tell.
_EITHER: Final = frozenset({"amount", "betrag", "montant", "importe", "importo", "bedrag"})
_SHOPIFY: Final = frozenset({"financial_status", "lineitem_name", "lineitem_quantity"})


def shop_of(names: Sequence[str]) -> str:
    """Return the shop whose export has these columns, or an empty string."""
    keys = set(map(field_key, names))
    if keys >= _SHOPIFY:
        return "Shopify"
    is_woo = "order_total" in keys and keys & {
        "order_currency",
        "item_name",
        "line_item_1",
        "payment_method_title",
    }
    return "WooCommerce" if is_woo else ""


def match_columns(names: Sequence[str], samples: Sequence[Sequence[Cell]]) -> list[Column]:
    """Return a proposal for every column; one that means nothing known is left out."""
    keys = list(map(field_key, names))
    found: dict[int, str] = {}
    for target, known in _NAMES.items():
        order = known.split()
        if target == "order" and shop_of(names) == "Shopify":
            order.insert(0, "name")
        index = next((keys.index(name) for name in order if name in keys), -1)
        if index >= 0:
            found.setdefault(index, target)
    _add_amount(found, keys, samples)
    if "amount" in found.values():
        found = {index: target for index, target in found.items() if target != "price"}
    if "email" not in found.values():
        index = looks_like_addresses(len(names), samples)
        if index >= 0:
            found[index] = "email"
    return [Column(name, found.get(index, "")) for index, name in enumerate(names)]


def _add_amount(found: dict[int, str], keys: list[str], samples: Sequence[Sequence[Cell]]) -> None:
    """A column that is called “amount” alone holds what its rows say."""
    index = next((place for place, key in enumerate(keys) if key in _EITHER and place not in found), -1)
    number = next((place for place, target in found.items() if target == "order"), -1)
    if index < 0 or number < 0:
        return
    if "total" in found.values():
        found.update({} if "amount" in found.values() else {index: "amount"})
        return
    values: dict[str, set[str]] = defaultdict(set)
    for row in samples:
        if max(index, number) < len(row) and as_text(row[index]).strip():
            values[as_text(row[number]).strip()].add(as_text(row[index]).strip())
    found[index] = "amount" if any(len(each) > 1 for each in values.values()) else "total"


def check_mapping(columns: Sequence[Column], *, currency: str) -> None:
    """Refuse a mapping that lacks what an order needs; `currency` is that of the file, if it has one for all."""
    targets = [column.target for column in columns if column.target]
    unknown = next((target for target in targets if target not in TARGETS), "")
    if unknown:
        raise MappingError(f"“{unknown}” is not something a column of orders can be mapped to.")
    twice = next((target for target in targets if targets.count(target) > 1), "")
    if twice:
        raise MappingError(f"Two columns are mapped to “{twice}”. Choose one of them.")
    for target, words in (
        ("email", "No column holds the e-mail address. Choose it; an order belongs to a person."),
        ("order", "No column holds the number of the order. Choose it, so that no order is counted twice."),
        ("date", "No column holds the date of the order. Choose it."),
    ):
        if target not in targets:
            raise MappingError(words)
    if not {"total", "amount", "price"} & set(targets):
        raise MappingError(
            "No column holds an amount. Choose the total of the order, or the amount of each row."
        )
    if {"amount", "price"} <= set(targets):
        raise MappingError("Map either the amount of each row or the price of one piece, not both.")
    if "currency" not in targets and not currency:
        raise MappingError("Choose the column that holds the currency, or one currency for the whole file.")

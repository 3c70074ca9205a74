import pytest

from subscribers.importing.columns import Column, MappingError
from subscribers.importing.order_columns import check_mapping, match_columns, shop_of


def header(*lines: str) -> list[str]:
    """The first line of a file, split for reading here."""
    return ",".join(lines).split(",")


SHOPIFY = header(
    "Name,Email,Financial Status,Paid at,Fulfillment Status,Accepts Marketing,Currency,Subtotal,Shipping,Taxes,Total",
    "Discount Code,Created at,Lineitem quantity,Lineitem name,Lineitem price,Lineitem sku,Billing Name,Cancelled at,Id",
)
WOO = header(
    "order_id,order_number,order_date,paid_date,status,order_total,order_currency,payment_method_title",
    "customer_email,billing_email,item_name,item_quantity,item_total",
)
WOO_WORDS = header(
    "Order Number,Order Status,Order Date,Email (Billing),Order Total Amount,Item Name,Quantity,Item Cost"
)


def matched(names: list[str], *rows: list[str]) -> dict[str, str]:
    """The column of each target."""
    return {column.target: column.name for column in match_columns(names, rows) if column.target}


def test_an_export_of_shopify_is_known() -> None:
    assert shop_of(SHOPIFY) == "Shopify"
    assert matched(SHOPIFY) == {
        "order": "Name", "email": "Email", "date": "Created at", "total": "Total", "price": "Lineitem price",
        "currency": "Currency", "quantity": "Lineitem quantity", "product": "Lineitem name",
        "status": "Financial Status", "cancelled": "Cancelled at",
    }  # fmt: skip


def test_exports_of_woocommerce_are_known() -> None:
    assert shop_of(WOO) == "WooCommerce"
    assert matched(WOO) == {
        "order": "order_number", "email": "customer_email", "date": "order_date", "total": "order_total",
        "amount": "item_total", "currency": "order_currency", "quantity": "item_quantity", "product": "item_name",
        "status": "status",
    }  # fmt: skip
    assert matched(WOO_WORDS) == {
        "order": "Order Number", "email": "Email (Billing)", "date": "Order Date", "total": "Order Total Amount",
        "price": "Item Cost", "quantity": "Quantity", "product": "Item Name", "status": "Order Status",
    }  # fmt: skip


def test_names_in_other_languages_and_an_address_by_its_content() -> None:
    names = ["Bestellnummer", "Kunde", "Bestelldatum", "Betrag", "Währung", "Artikel"]
    found = matched(names, ["1", "ann@example.com", "2025-01-01", "1", "EUR", "Tea"])
    assert found == dict(zip(("order", "email", "date", "total", "currency", "product"), names, strict=True))


@pytest.mark.parametrize(
    ("rows", "target"),
    [
        ([["1", "5"], ["1", "5"]], "total"),
        ([["1", "5"], ["1", ""]], "total"),
        ([["1", "5"], ["1", "7"]], "amount"),
        ([["1", "5"], ["2", "7"]], "total"),
    ],
)
def test_the_rows_tell_whether_an_amount_is_of_the_order_or_of_its_row(
    rows: list[list[str]], target: str
) -> None:
    assert matched(["order", "amount"], *rows)[target] == "amount"


def columns(*targets: str) -> list[Column]:
    return [Column(target or "x", target) for target in targets]


@pytest.mark.parametrize(
    ("targets", "currency", "words"),
    [
        (("order", "date", "total"), "EUR", "e-mail address"),
        (("email", "date", "total"), "EUR", "number of the order"),
        (("email", "order", "total"), "EUR", "date of the order"),
        (("email", "order", "date", ""), "EUR", "amount"),
        (("email", "order", "date", "amount", "price"), "EUR", "not both"),
        (("email", "order", "date", "total"), "", "currency"),
        (("email", "order", "date", "total", "total"), "EUR", "Two columns"),
        (("email", "order", "date", "total", "tags"), "EUR", "not something"),
    ],
)
def test_a_mapping_that_lacks_something_is_refused(
    targets: tuple[str, ...], currency: str, words: str
) -> None:
    with pytest.raises(MappingError, match=words):
        check_mapping(columns(*targets), currency=currency)


def test_a_whole_mapping_is_taken() -> None:
    check_mapping(columns("email", "order", "date", "total"), currency="EUR")
    check_mapping(columns("email", "order", "date", "price", "currency", "product", ""), currency="")

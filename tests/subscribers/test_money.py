import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.money import DECIMALS, MOST, AmountRefusedError, plain, read_amount, read_currency, words


@pytest.mark.parametrize(
    ("text", "currency", "amount"),
    [
        ("1.234,50 €", "EUR", 123450),
        ("1,234.50", "USD", 123450),
        ("$1,234.50", "USD", 123450),
        ("1234", "EUR", 123400),
        ("1234.5", "EUR", 123450),
        (" 0,99 ", "EUR", 99),
        ("0.500", "EUR", 50),
        ("10.0000", "EUR", 1000),
        ("1'234.50", "CHF", 123450),
        ("1\u202f234,50", "EUR", 123450),
        ("1,234,567", "EUR", 123456700),
        ("EUR 12", "EUR", 1200),
        ("12 kr", "SEK", 1200),
        ("1.234", "JPY", 1234),
        ("1000.00", "JPY", 1000),
        ("1.234", "KWD", 1234),
        ("0", "EUR", 0),
    ],
)
def test_amounts_as_people_and_shops_write_them(text: str, currency: str, amount: int) -> None:
    assert read_amount(text, currency) == amount


@pytest.mark.parametrize(
    ("text", "currency", "reason"),
    [
        ("1,234", "EUR", "two ways"),
        ("12.345", "EUR", "two ways"),
        ("0.005", "EUR", "finer than EUR"),
        ("1.5", "JPY", "finer than JPY"),
        ("-5", "EUR", "less than nothing"),
        ("(5.00)", "EUR", "less than nothing"),
        ("12 USD", "EUR", "not in EUR"),
        ("5 €", "USD", "not in USD"),
        ("12.34.56", "EUR", "not an amount"),
        ("1,2345.6", "EUR", "not an amount"),
        ("1.234.56", "EUR", "not an amount"),
        ("", "EUR", "not an amount"),
        ("free", "EUR", "not an amount"),
        ("1e5", "EUR", "not an amount"),
        ("NaN", "EUR", "not an amount"),
        ("99999999999999", "EUR", "more than any order"),
    ],
)
def test_what_cannot_be_told_for_sure_is_refused(text: str, currency: str, reason: str) -> None:
    with pytest.raises(AmountRefusedError, match=reason):
        read_amount(text, currency)


@pytest.mark.parametrize(("text", "code"), [("EUR", "EUR"), (" sek ", "SEK")])
def test_currencies_by_their_code(text: str, code: str) -> None:
    assert read_currency(text) == code


@pytest.mark.parametrize("text", ["", "EURO", "XXX", "€", "XAU"])
def test_what_is_no_currency(text: str) -> None:
    with pytest.raises(AmountRefusedError):
        read_currency(text)


@given(st.integers(0, MOST - 1), st.sampled_from(sorted(DECIMALS)))
def test_what_is_written_is_read_back(amount: int, currency: str) -> None:
    assert read_amount(words(amount, currency), currency) == amount
    assert read_amount(plain(amount, currency), currency) == amount

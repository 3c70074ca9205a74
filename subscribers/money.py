"""Amounts of money as whole numbers of a currency's smallest unit, from text and to text; never a float.

The number of decimals is that of ISO 4217. Funds, metals and test codes are left out; a few currencies that are no
longer money stay, because old orders name them.
"""

import re
from typing import Final

_TWO: Final = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP "
    "CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR "
    "IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD "
    "NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC "
    "SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG"
)
_NONE: Final = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_THREE: Final = "BHD IQD JOD KWD LYD OMR TND"
_FOUR: Final = "CLF UYW"
DECIMALS: Final[dict[str, int]] = {
    code: decimals
    for decimals, codes in ((2, _TWO), (0, _NONE), (3, _THREE), (4, _FOUR))
    for code in codes.split()
}
MOST: Final = 10**14  # of the smallest unit; a sum of ninety thousand such orders still fits into 64 bits

_SYMBOL: Final = r"(?:[€$£¥₹₽₺₴₩₪฿]|kr\.?|zł|Kč|Ft|[A-Z]{3})"
_DRESSED: Final = re.compile(
    rf"(?P<before>{_SYMBOL})?\s*(?P<number>[-\u2212(]?[\d.,'\u2019\s]*\d\)?)\s*(?P<after>{_SYMBOL})?"
)
_PLAIN: Final = re.compile(r"(\d{1,15})(?:([.,])(\d{1,10}))?")
_GROUPED: Final = re.compile(r"(\d{1,3}(?:([.,'\u2019\s])\d{3})(?:\2\d{3})*)(?:([.,])(\d{1,10}))?")
_GROUP: Final = 3


class AmountRefusedError(ValueError):
    """The text is no amount of the currency; the message completes “total: …”."""


def read_currency(text: str) -> str:
    """Return the code of a currency. Raises AmountRefusedError."""
    code = text.strip().upper()
    if code not in DECIMALS:
        raise AmountRefusedError(f"“{text.strip()[:20]}” is not a currency such as EUR")
    return code


def read_amount(text: str, currency: str) -> int:
    """Return an amount in the smallest unit of a known currency: “1.234,50 €” is 123450 of EUR.

    What can be read in two ways (“1,234” is 1234 or 1.234) is refused, as is what is finer than the currency.
    Raises AmountRefusedError.
    """
    dressed = _DRESSED.fullmatch(text.strip())
    if dressed is None:
        raise AmountRefusedError(f"“{text.strip()[:40]}” is not an amount")
    for code in (dressed["before"], dressed["after"]):
        if {"€": "EUR"}.get(code, code) not in {currency, None} and (code == "€" or code in DECIMALS):
            raise AmountRefusedError(f"“{text.strip()[:40]}” is not in {currency}")
    number = dressed["number"]
    if number[0] in "-\u2212(":
        raise AmountRefusedError(f"“{text.strip()[:40]}” is less than nothing; a refund is no order")
    whole, fraction = _parts(number, currency)
    decimals = DECIMALS[currency]
    if fraction[decimals:].strip("0"):
        raise AmountRefusedError(f"“{text.strip()[:40]}” is finer than {currency} can be paid")
    amount = int(whole + fraction[:decimals].ljust(decimals, "0"))
    if amount >= MOST:
        raise AmountRefusedError(f"“{text.strip()[:40]}” is more than any order")
    return amount


def _parts(number: str, currency: str) -> tuple[str, str]:
    """Split a number into its digits before and after the decimal sign."""
    grouped = _GROUPED.fullmatch(number)
    plain = _PLAIN.fullmatch(number)
    if plain and not (grouped and plain[2]):
        return plain[1], plain[3] or ""
    if grouped is None or grouped[2] == grouped[3]:
        raise AmountRefusedError(f"“{number[:40]}” is not an amount")
    digits = re.sub(r"\D", "", grouped[1])
    is_one_group = len(digits) <= 2 * _GROUP and grouped[2] in ".," and grouped[3] is None
    if is_one_group and DECIMALS[currency] >= _GROUP:
        whole, _, fraction = number.replace(",", ".").partition(".")
        return whole, fraction
    if is_one_group and DECIMALS[currency]:
        return _one_group(number)
    return digits, grouped[4] or ""


def _one_group(number: str) -> tuple[str, str]:
    whole, _, fraction = number.replace(",", ".").partition(".")
    if whole.startswith("0"):
        return whole, fraction
    raise AmountRefusedError(f"“{number[:40]}” can be read in two ways; write two decimals")


def words(amount: int, currency: str) -> str:
    """Return an amount for people: ``EUR 1,234.50``."""
    decimals = DECIMALS.get(currency, 2)
    whole, rest = divmod(amount, 10**decimals)
    return f"{currency} {whole:,}" + (f".{rest:0{decimals}}" if decimals else "")


def plain(amount: int, currency: str) -> str:
    """Return an amount as a form or a file holds it: ``1234.50``."""
    return words(amount, currency).removeprefix(f"{currency} ").replace(",", "")

"""Domains that are nearly always a slip of the finger: said in the dry run, never refused, never corrected."""

from collections import Counter
from typing import Final

SLIPS: Final = {
    **dict.fromkeys(
        ("gmial.com", "gmai.com", "gmal.com", "gamil.com", "gmil.com", "gnail.com", "gmail.co", "gmail.con", "gmail.cm",
         "gmaill.com", "gmali.com", "googlemail.co"),
        "gmail.com",
    ),
    **dict.fromkeys(("hotmial.com", "hotmai.com", "hotmal.com", "hotmail.con", "hotmil.com"), "hotmail.com"),
    **dict.fromkeys(("yaho.com", "yahooo.com", "yahoo.con", "yhaoo.com", "yaoo.com", "yahho.com"), "yahoo.com"),
    **dict.fromkeys(("outlok.com", "outllok.com", "outlook.con", "outloo.com"), "outlook.com"),
    **dict.fromkeys(("iclod.com", "icloud.con", "icoud.com"), "icloud.com"),
    **dict.fromkeys(("gmx.ed", "gmx.dee", "gxm.de"), "gmx.de"),
    **dict.fromkeys(("web.dee", "we.de", "wed.de"), "web.de"),
}  # fmt: skip
_LINES: Final = 5


class Hints:
    """Counts slips while the rows of a file pass by, with the lines of the first of each."""

    def __init__(self) -> None:
        """Nothing is seen yet."""
        self._rows: Counter[str] = Counter()
        self._lines: dict[str, list[int]] = {}

    def look(self, email: str, line: int) -> None:
        """Look at one address in its normal form."""
        domain = email.rpartition("@")[2]
        if domain in SLIPS:
            self._rows[domain] += 1
            lines = self._lines.setdefault(domain, [])
            if len(lines) < _LINES:
                lines.append(line)

    def found(self) -> list[dict[str, object]]:
        """Return the slips, the most frequent first: domain, what is meant, how many rows, words."""
        return [
            {"domain": domain, "meant": SLIPS[domain], "rows": rows, "words": self._words(domain, rows)}
            for domain, rows in self._rows.most_common()
        ]

    def _words(self, domain: str, rows: int) -> str:
        lines = ", ".join(map(str, self._lines[domain]))
        more = " and others" if rows > len(self._lines[domain]) else ""
        many = f"{rows:,} rows name" if rows > 1 else "One row names"
        return f"{many} it; perhaps {SLIPS[domain]} is meant. They are imported as they are. See line {lines}{more}."

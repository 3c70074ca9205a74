"""The people of the demo: made up, the same on every run, at addresses that reach nobody."""

import csv
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PEOPLE = 5_000
# Spread evenly: a file that begins with all its dead addresses would rightly trip the safety stop.
BOUNCES_EVERY = 50
COMPLAIN = frozenset({1_111, 2_222, 3_333})
COLUMNS = (
    "email", "name", "segment", "preferences", "country", "consent_basis", "consent_at", "consent_source",
    "open_tracking", "click_tracking",
)  # fmt: skip
SEGMENTS = (("new_customers", 5), ("loyal_customers", 3), ("vip_customers", 2))
PREFERENCES = ("electronics", "books", "fashion", "home", "sports", "garden", "music")
COUNTRIES = (("DE", 4), ("FR", 3), ("NL", 2), ("IE", 1), ("SE", 1), ("IT", 2))
FIRST = [
    "Anna",
    "Bela",
    "Carla",
    "David",
    "Elif",
    "Femke",
    "Giulia",
    "Hannes",
    "Ingrid",
    "Jonas",
    "Karim",
    "Lena",
    "Marek",
    "Nora",
    "Oskar",
    "Paula",
    "Quentin",
    "Rosa",
    "Sofia",
    "Tom",
    "Ulla",
    "Vera",
    "Wim",
    "Yara",
    "Zoe",
]
LAST = [
    "Albers",
    "Bauer",
    "Conti",
    "Dubois",
    "Eriksson",
    "Fischer",
    "Garcia",
    "Hansen",
    "Ivanova",
    "Jansen",
    "Keller",
    "Laurent",
    "Moreau",
    "Novak",
    "O'Brien",
    "Petit",
    "Rossi",
    "Schmidt",
    "Tamm",
    "Urban",
    "Visser",
    "Weber",
    "Yilmaz",
    "Zimmermann",
]


@dataclass(frozen=True)
class Made:
    """One line of the file: the columns, and whether the story lets this person leave before the campaign."""

    row: dict[str, str]
    leaves: bool


def is_simulated(number: int) -> bool:
    """Return whether person `number` stands for a bounce or a complaint."""
    return number % BOUNCES_EVERY == 0 or number in COMPLAIN


def address(number: int, first: str, last: str) -> str:
    """Return the address of person `number`; some are Amazon's simulator mailboxes."""
    if is_simulated(number):
        return f"{'complaint' if number in COMPLAIN else 'bounce'}+{number:04}@simulator.amazonses.com"
    name = f"{first}.{last}".lower().replace("'", "")
    return f"{name}.{number:04}@example.{('com', 'org', 'net')[number % 3]}"


def make(number: int, dice: random.Random) -> Made:
    """Return person `number`. Three in a hundred came without any basis; two in a hundred leave again."""
    first, last = dice.choice(FIRST), dice.choice(LAST)
    simulated = is_simulated(number)
    basis = "" if not simulated and dice.random() < 0.03 else "consent"
    tracked = basis == "consent" and dice.random() < 0.6
    day = f"2026-{dice.randint(1, 10):02}-{dice.randint(1, 28):02}"
    row = {
        "email": address(number, first, last),
        "name": f"{first} {last}",
        "segment": dice.choices([s for s, _ in SEGMENTS], [w for _, w in SEGMENTS])[0],
        "preferences": ";".join(sorted(dice.sample(PREFERENCES, 2))),
        "country": dice.choices([c for c, _ in COUNTRIES], [w for _, w in COUNTRIES])[0],
        "consent_basis": basis,
        "consent_at": f"{day}T{dice.randint(7, 21):02}:{dice.randint(0, 59):02}:00Z" if basis else "",
        "consent_source": "Newsletter box at the checkout of shop.example" if basis else "",
        "open_tracking": "yes" if tracked else "no",
        "click_tracking": "yes" if tracked and dice.random() < 0.8 else "no",
    }
    return Made(row, leaves=not simulated and basis == "consent" and dice.random() < 0.02)


def everybody(count: int = PEOPLE, seed: int = 2026) -> Iterator[Made]:
    """Yield the `count` people of the demo, the same ones for the same seed."""
    dice = random.Random(seed)
    return (make(number, dice) for number in range(count))


def write_csv(path: Path, people: list[Made]) -> None:
    """Write the subscriber file that the demo imports."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(person.row for person in people)

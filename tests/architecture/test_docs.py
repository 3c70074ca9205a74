"""What the guides name is there: commands with their options, targets of make, files."""

import re
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).parents[2]
GUIDES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMAND = re.compile(r"manage\.py ([a-z_]+)((?: (?:\\\n *)?[^\n`#|]+)?)")
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
MAKE = re.compile(r"`make ([a-z-]+)")
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_commands_options_targets_and_files_are_there(guide: Path) -> None:
    text = guide.read_text()
    known, wrong = get_commands(), list[str]()
    for name, rest in COMMAND.findall(text):
        if name not in known:
            wrong.append(f"manage.py {name}")
            continue
        parser = load_command_class(known[name], name).create_parser("manage.py", name)
        options = {option for action in parser._actions for option in action.option_strings}
        wrong += [f"manage.py {name} {option}" for option in OPTION.findall(rest) if option not in options]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    wrong += [f"make {name}" for name in MAKE.findall(text) if name not in targets]
    wrong += [link for link in LINK.findall(text) if not (guide.parent / link).exists()]
    assert wrong == []


def test_the_list_in_the_readme_names_every_guide() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [path.name for path in GUIDES[2:] if f"docs/{path.name}" not in readme] == []

from campaigns.rendering.comparing import Line, compare


def test_only_parts_that_differ_are_named() -> None:
    changes = compare({"subject": "a", "html": "x"}, {"subject": "b", "html": "x", "text": None})
    assert [(change.part, change.lines) for change in changes] == [
        ("Subject", [Line("removed", "a"), Line("added", "b")])
    ]


def test_far_apart_changes_have_a_gap_between_them() -> None:
    old = "\n".join(str(number) for number in range(20))
    new = old.replace("3\n", "three\n", 1) + "\nend"
    kinds = [line.kind for line in compare({"html": old}, {"html": new})[0].lines]
    assert kinds == ["same"] * 2 + ["removed", "added"] + ["same"] * 2 + ["gap"] + ["same"] * 2 + ["added"]


def test_line_ends_alone_are_said_in_words() -> None:
    assert compare({"html": "a\n"}, {"html": "a"})[0].lines == [Line("same", "Only line ends differ.")]

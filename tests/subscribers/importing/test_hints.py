from subscribers.importing.hints import Hints


def test_slips_are_counted_with_their_lines() -> None:
    hints = Hints()
    for line, email in enumerate(["a@gmial.com", "b@gmail.com", "c@gmial.com", "d@hotmial.com"], start=2):
        hints.look(email, line)
    first, second = hints.found()
    assert (first["domain"], first["meant"], first["rows"]) == ("gmial.com", "gmail.com", 2)
    assert "line 2, 4." in str(first["words"])
    assert str(second["words"]).startswith("One row names it; perhaps hotmail.com")

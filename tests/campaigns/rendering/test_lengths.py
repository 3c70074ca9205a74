import pytest

from campaigns.rendering.lengths import visible_length


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("", 0),
        ("Größe", 5),
        ("Gro\u0308ße", 5),
        ("🎉", 1),
        ("👍🏽", 1),
        ("👩‍👩‍👧‍👦 Hi", 4),
        ("🇩🇪🇫🇷", 2),
        ("❤️", 1),
        ("🏴󠁧󠁢󠁳󠁣󠁴󠁿", 1),
        ("1️⃣", 1),
        ("日本語", 3),
    ],
)
def test_ux_06_an_emoji_counts_as_one(text: str, length: int) -> None:
    assert visible_length(text) == length

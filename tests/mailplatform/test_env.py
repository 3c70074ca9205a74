from pathlib import Path

import pytest

from mailplatform import env


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("THING", "THING_FILE", "PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)


class TestStr:
    def test_trims_white_space(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("THING", "  value \n")
        assert env.str("THING") == "value"

    def test_an_empty_value_counts_as_absent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("THING", "  ")
        assert env.str("THING", "default") == "default"

    def test_without_default_it_is_required(self) -> None:
        with pytest.raises(env.EnvError, match="THING is required"):
            env.str("THING")

    def test_refuses_what_is_not_among_the_choices(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("THING", "blue")
        with pytest.raises(env.EnvError, match="expected one of red, green"):
            env.str("THING", choices=("red", "green"))


class TestBool:
    @pytest.mark.parametrize("value", ["1", "true", "YES", "On"])
    def test_true(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("THING", value)
        assert env.bool("THING") is True

    @pytest.mark.parametrize("value", ["0", "False", "no", "OFF"])
    def test_false(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("THING", value)
        assert env.bool("THING", default=True) is False

    @pytest.mark.parametrize("value", ["2", "maybe", "y"])
    def test_refuses_nonsense(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("THING", value)
        with pytest.raises(env.EnvError, match="expected yes or no"):
            env.bool("THING")


class TestInt:
    def test_reads_a_whole_number(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("THING", "42")
        assert env.int("THING", 1) == 42

    @pytest.mark.parametrize("value", ["4.2", "many", "0x10"])
    def test_refuses_nonsense(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("THING", value)
        with pytest.raises(env.EnvError, match="expected a whole number"):
            env.int("THING", 1)

    @pytest.mark.parametrize("value", ["-1", "11"])
    def test_refuses_what_is_out_of_bounds(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("THING", value)
        with pytest.raises(env.EnvError, match="expected 0 to 10"):
            env.int("THING", 1, maximum=10)


class TestFloat:
    def test_reads_a_number(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("THING", "0.25")
        assert env.float("THING", 1.0, above=0, maximum=1) == 0.25

    def test_has_a_default(self) -> None:
        assert env.float("THING", 1.0, above=0, maximum=1) == 1.0

    @pytest.mark.parametrize(
        ("value", "words"),
        [("much", "a number"), ("0", "more than 0"), ("1.01", "at most 1"), ("nan", "at most")],
    )
    def test_refuses_nonsense(self, monkeypatch: pytest.MonkeyPatch, value: str, words: str) -> None:
        monkeypatch.setenv("THING", value)
        with pytest.raises(env.EnvError, match=words):
            env.float("THING", 1.0, above=0, maximum=1)


def test_list_drops_empty_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THING", "a, b,,c ,")
    assert env.list("THING", []) == ["a", "b", "c"]


class TestUrl:
    def test_loses_its_last_slash(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("THING", "https://mail.example.eu/")
        assert env.url("THING") == "https://mail.example.eu"

    @pytest.mark.parametrize("value", ["mail.example.eu", "ftp://mail.example.eu", "https://", "http:/host"])
    def test_refuses_what_is_no_address(self, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
        monkeypatch.setenv("THING", value)
        with pytest.raises(env.EnvError, match="expected http"):
            env.url("THING")

    @pytest.mark.parametrize("value", ["https://user:pw@host", "https://host?x=1", "https://host#part"])
    def test_refuses_credentials_query_and_fragment(
        self, monkeypatch: pytest.MonkeyPatch, value: str
    ) -> None:
        monkeypatch.setenv("THING", value)
        with pytest.raises(env.EnvError, match="must hold no user"):
            env.url("THING")


class TestFile:
    def test_a_file_holds_the_value(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "thing").write_text("from a file\n")
        monkeypatch.setenv("THING_FILE", str(tmp_path / "thing"))
        assert env.str("THING") == "from a file"

    def test_refuses_both(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("THING", "direct")
        monkeypatch.setenv("THING_FILE", str(tmp_path / "thing"))
        with pytest.raises(env.EnvError, match="both set"):
            env.str("THING")

    def test_a_missing_file_is_named(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("THING_FILE", str(tmp_path / "nowhere"))
        with pytest.raises(env.EnvError, match="THING_FILE cannot be read"):
            env.str("THING", "default")


class TestSecret:
    def test_is_made_once_and_kept(self, tmp_path: Path) -> None:
        first = env.secret("THING", data_dir=tmp_path)
        assert len(first) >= 32
        assert env.secret("THING", data_dir=tmp_path) == first

    def test_only_its_owner_can_read_the_file(self, tmp_path: Path) -> None:
        env.secret("THING", data_dir=tmp_path)
        kept = tmp_path / "keys" / "thing"
        assert kept.stat().st_mode & 0o777 == 0o600
        assert kept.parent.stat().st_mode & 0o777 == 0o700
        assert [path.name for path in kept.parent.iterdir()] == ["thing"]

    def test_the_environment_wins(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("THING", "x" * 40)
        assert env.secret("THING", data_dir=tmp_path) == "x" * 40
        assert not (tmp_path / "keys").exists()

    def test_refuses_a_short_one(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("THING", "changeme")
        with pytest.raises(env.EnvError, match="too short"):
            env.secret("THING", data_dir=tmp_path)

    def test_a_real_site_must_name_it(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PUBLIC_URL", "https://mail.example.eu")
        with pytest.raises(env.EnvError, match="THING is required where PUBLIC_URL is https"):
            env.secret("THING", data_dir=tmp_path)

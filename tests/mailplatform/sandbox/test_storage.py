"""State that outlives the process."""

from pathlib import Path

from mailplatform.sandbox.storage import Storage
from mailplatform.sandbox.testing import running_sandbox


def test_tables_write_through(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "new" / "folder")
    table = storage.table("topic")
    table.put("b", {"x": 1})
    table.put("a", {"x": "ü"})
    table.put("c", {})
    assert table.remove("c")
    assert not table.remove("c")
    storage.close()
    again = Storage(tmp_path / "new" / "folder").table("topic")
    assert list(again.items()) == [("a", {"x": "ü"}), ("b", {"x": 1})]
    assert ("a" in again, len(again), again.get("c")) == (True, 2, None)


def test_kinds_are_apart() -> None:
    storage = Storage(None)
    one, other = storage.table("one"), storage.table("other")
    one.put("a", {})
    other.put("a", {"x": 1})
    one.clear()
    assert (len(one), other.values()) == (0, [{"x": 1}])


def test_a_restart_keeps_the_account_and_its_mail(tmp_path: Path) -> None:
    with running_sandbox(state_dir=tmp_path) as sbx:
        ses = sbx.client("sesv2")
        ses.create_email_identity(EmailIdentity="example.com")
        ses.create_email_template(TemplateName="t", TemplateContent={"Subject": "s {{a}}", "Text": "x"})
        ses.create_configuration_set(ConfigurationSetName="all")
        topic = sbx.client("sns").create_topic(Name="t")["TopicArn"]
        message_id = ses.send_email(
            FromEmailAddress="a@example.com",
            Destination={"ToAddresses": ["b@example.org"]},
            Content={"Template": {"TemplateName": "t", "TemplateData": '{"a": 1}'}},
        )["MessageId"]
        sbx.wait_quiet()
        raw, authority = sbx.raw(message_id), sbx.ca_pem
    with running_sandbox(state_dir=tmp_path) as sbx:
        ses = sbx.client("sesv2")
        assert ses.get_email_identity(EmailIdentity="example.com")["VerifiedForSendingStatus"]
        assert ses.get_email_template(TemplateName="t")["TemplateContent"]["Text"] == "x"
        assert ses.list_configuration_sets()["ConfigurationSets"] == ["all"]
        assert sbx.client("sns").list_topics()["Topics"] == [{"TopicArn": topic}]
        assert sbx.raw(message_id) == raw
        assert sbx.messages()[0]["state"] == "delivered"
        assert sbx.ca_pem == authority


def test_a_resource_is_found_in_any_case_its_own_first(tmp_path: Path) -> None:
    storage = Storage(tmp_path)
    table = storage.table("suppressed")
    for name in ("Ann@example.com", "ANN@example.com", "bob@example.com"):
        table.put(name, {"name": name})
    assert table.find("Ann@example.com") == {"name": "Ann@example.com"}
    assert table.find("ann@example.com") == {"name": "ANN@example.com"}
    assert table.find("carl@example.com") is None
    table.remove("ANN@example.com")
    storage.close()
    again = Storage(tmp_path)
    table = again.table("suppressed")
    assert table.find("ann@EXAMPLE.com") == {"name": "Ann@example.com"}
    table.remove("Ann@example.com")
    assert table.find("Ann@example.com") is None
    table.clear()
    assert table.find("bob@example.com") is None
    again.close()

"""What the product cannot know and asks an administrator. An empty answer is a gap, marked as such in the papers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from .blocks import Gap

Kind = Literal["line", "text", "date"]


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to be told. `what` names it where it is missing."""

    key: str
    label: str
    what: str
    kind: Kind = "line"
    hint: str = ""


# By section of the page.
SECTIONS: Final[Mapping[str, tuple[Question, ...]]] = {
    "Who answers": (
        Question("contact", "Contact for data protection", "contact for data protection", hint="An address people can write to."),
        Question("dpo", "Data protection officer", "data protection officer, or why there is none", "text",
                 "Name and contact, or why none is required (Art. 37)."),
        Question("representative", "Representative in the EU", "representative under Art. 27, or “none needed”",
                 hint="Only for controllers established outside the EU."),
        Question("joint", "Joint controllers", "joint controllers, or “none”", hint="With whom purposes are decided together (Art. 26)."),
        Question("authority", "Supervisory authority", "supervisory authority"),
    ),
    "What for": (
        Question("purposes", "Purposes in your words", "purposes of the mailings in the controller's words", "text",
                 "For example: monthly newsletter about our books; order confirmations."),
        Question("special", "Sensitive contents", "whether contents reveal special categories of data (Art. 9)", "text",
                 "Do mails or fields reveal health, religion, politics or the like (Art. 9)? Say no, or what."),
        Question("children", "Children", "whether children are addressed (Art. 8)", hint="Say no, or from which age and how consent of parents is had."),
        Question("recipients", "Further recipients", "further recipients, or “none”", "text",
                 "Who else gets data from here: agencies, group companies, systems behind webhooks and the API."),
        Question("retention_reason", "Why these retention times", "reasons for the retention times", "text"),
    ),
    "Amazon Web Services": (
        Question("aws_dpa_date", "Data processing addendum accepted on", "date of the AWS data processing addendum", "date",
                 "It is part of the AWS Service Terms; write the date on which you accepted or signed them."),
        Question("aws_dpa_ref", "Its version or reference", "version or reference of the AWS data processing addendum"),
        Question("aws_dpf_checked", "Data Privacy Framework entry checked on", "date on which the DPF entry of AWS was checked", "date",
                 "Look up Amazon Web Services, Inc. on dataprivacyframework.gov."),
        Question("aws_subprocessors_checked", "AWS sub-processors read on", "date on which the list of AWS sub-processors was read", "date"),
        Question("tracking_host", "Who runs the host of the tracking domain",
                 "who runs the host of the tracking domain, where, under which contract, and whether it can be reached from outside the EEA", "text",
                 "Only where Amazon counts through a tracking domain of yours: the content delivery network or server that takes readers' "
                 "requests and passes them on to Amazon. Name, address, country, contract."),
        Question("aws_support", "AWS support contract", "whether AWS support may see contents", hint="Plan, and whether tickets may hold personal data."),
    ),
    "Your own SMTP server": (
        Question("smtp_runner", "Who runs the SMTP server", "who runs the SMTP server, where it stands, and through whom it passes mail on", "text",
                 "Only where one takes the place of Amazon SES. Your own: say so, where it stands, and whether it passes mail on through "
                 "somebody. A provider: name, address, country."),
        Question("smtp_dpa", "Contract for the SMTP server", "data processing agreement for the SMTP server with its date, or “none needed: our own”"),
        Question("smtp_transfers", "The SMTP server and third countries", "whether mail on the SMTP server can be reached from outside the EEA, and on which basis",
                 "text", "Say no, or by whom, from where, and the instrument (Art. 45 or 46)."),
    ),
    "Your own hosting": (
        Question("host", "Who runs the servers", "who runs the servers, and where", "text",
                 "Name, address and country of the machines on which this site, its database and its backups are."),
        Question("host_dpa", "Contract with them", "data processing agreement with the host, with its date"),
        Question("backups", "Backups", "where backups are, how long they are kept and who may read them", "text"),
        Question("access", "Who has access", "who may sign in to servers and database", "text"),
    ),
    "Decisions": (
        Question("lia_interest", "The legitimate interest", "the legitimate interest in service and security notices", "text",
                 "Why service and security notices are needed, and why no milder means would do."),
        Question("lia_result", "Result of the weighing", "result of the weighing, with who decided and when", "text"),
        Question("tia_result", "Result of the transfer assessment", "result of the transfer assessment, with who decided and when", "text"),
        Question("dpia_advice", "Advice of the data protection officer", "advice of the data protection officer (Art. 35(2))", "text"),
        Question("dpia_views", "Views of the people concerned", "views of the people concerned, or why they were not asked (Art. 35(9))", "text"),
        Question("dpia_result", "Result of the impact assessment", "result of the impact assessment, with who decided and when", "text"),
        Question("review", "Next review", "date of the next review", "date"),
    ),
}  # fmt: skip
QUESTIONS: Final[Mapping[str, Question]] = {
    question.key: question for section in SECTIONS.values() for question in section
}


class Answers:
    """What was told, which remembers what a paper asked for: that is part of what the paper rests on."""

    def __init__(self, told: Mapping[str, str]) -> None:
        """Take the answers by question."""
        self._told = told
        self._asked: dict[str, None] = {}

    def said(self, key: str) -> str:
        """Return the answer; empty where there is none."""
        self._asked[key] = None
        return self._told.get(key, "")

    def snapshot(self) -> dict[str, list[str]]:
        """Return what was asked for so far, with its label, as `facts.snapshot` does."""
        return {f"answers.{key}": [QUESTIONS[key].label, self._told.get(key, "")] for key in self._asked}


def answered(answers: Answers, key: str) -> str:
    """Return the answer, or the gap in its place."""
    return answers.said(key) or Gap(QUESTIONS[key].what)

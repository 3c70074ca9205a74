"""What is finally stored in SES: the three parts, their content hash, and the variables they need."""

import hashlib
from dataclasses import dataclass

import orjson

from .checks import Checked
from .compiling import serialize, to_escaped
from .links import mark_untracked
from .problems import TemplateError
from .variables import TemplateVariables

SES_NAME_PREFIX = "mp-"


@dataclass(frozen=True, slots=True)
class StoredTemplate:
    """Parts in SES's dialect. `content_hash` is SHA-256 in hex over the three parts."""

    subject: str
    html: str
    text: str
    variables: TemplateVariables

    @property
    def content_hash(self) -> str:
        """The identity of the content: equal parts have the same stored name."""
        return hashlib.sha256(orjson.dumps([self.subject, self.html, self.text])).hexdigest()

    @property
    def ses_name(self) -> str:
        """The template's name in SES, at most 64 characters of [A-Za-z0-9_-]."""
        return f"{SES_NAME_PREFIX}{self.content_hash[:40]}"


def build_stored(checked: Checked) -> StoredTemplate:
    """The stored form of a checked template. Raises `TemplateError` when something blocks."""
    blocking = [f for f in checked.findings if f.is_blocking]
    if blocking:
        raise TemplateError(blocking)
    return StoredTemplate(
        subject=" ".join(serialize(checked.subject).split()),
        html=mark_untracked(serialize(checked.html, to_escaped)),
        text=serialize(checked.text),
        variables=checked.variables,
    )

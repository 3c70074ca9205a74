"""One mail handed over by SMTP, and what each reply proves, in the words of SES's statuses.

Before the mail itself is on its way nobody has it, so a lost connection is a retry until then. After it only the
server's reply tells; without one that is understood the mail may have been taken, and is never sent again by itself.
RFC 5321 §4.2.1: 2yz taken, 4yz not now, 5yz not at all, whatever the other digits; 421 ends the connection.
"""

import re
import smtplib
from typing import Final

from .smtp_lines import Line

_OK, _GO_ON, _CLOSING, _NEVER = 250, 354, 421, 500
_YES: Final = range(200, 300)
_NO: Final = range(400, 600)
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
# The words of SES's statuses, whose verdicts the record knows. No word at all is no proof of anything.
LATER, SLOWER, REFUSED = "TRANSIENT_FAILURE", "ACCOUNT_THROTTLED", "MESSAGE_REJECTED"
SENDER_REFUSED: Final = "MAIL_FROM_DOMAIN_NOT_VERIFIED"
UNKNOWN: Final = ""


def hand_over(line: Line, sender: str, to: str, raw: bytes, message_id: str) -> dict[str, str]:
    """Hand over a mail, and say what became of it. The line is ready for the next one afterwards, or closed."""
    try:
        refused = _offer(line, sender, to)
    except (OSError, smtplib.SMTPException) as error:
        line.close()
        return result(LATER, f"the connection ended before the mail: {error}")
    return _send(line, raw, message_id) if refused is None else refused


def result(status: str, error: str = "", *, message_id: str = "") -> dict[str, str]:
    """Return what SendBulkEmail would say of the person."""
    return {"Status": status, "Error": error[:500], "MessageId": message_id}


def _offer(line: Line, sender: str, to: str) -> dict[str, str] | None:
    """Name sender and recipient; None when the server waits for the mail."""
    code, words = line.mail(sender)
    if code not in _YES:  # says nothing about the person, who is not named yet
        return _refusal(line, code, words, SENDER_REFUSED, later=SLOWER)
    code, words = line.rcpt(to)
    if code not in _YES:
        return _refusal(line, code, words, REFUSED)
    if line.left < line.patience / 2:  # nobody would hear the answer to the mail
        line.close()
        return result(SLOWER, "the server took too long; the next call is smaller")
    code, words = line.docmd("DATA")
    return None if code == _GO_ON else _refusal(line, code, words, REFUSED)


def _send(line: Line, raw: bytes, message_id: str) -> dict[str, str]:
    """Hand over the mail itself."""
    try:
        line.send(_dotted(raw))
        code, words = line.getreply()
    except (OSError, smtplib.SMTPException) as error:
        line.close()
        return result(UNKNOWN, f"no answer to the mail: {error}")
    if code in _YES:
        return result("SUCCESS", message_id=message_id)
    if code not in _NO:
        line.close()
        return result(UNKNOWN, f"an answer that says neither yes nor no: {_said(code, words)}")
    return _refusal(line, code, words, REFUSED)


def _refusal(line: Line, code: int, words: bytes, final: str, *, later: str = LATER) -> dict[str, str]:
    """Say of a reply that is no yes whether it is one for ever; the line is ready for the next mail or closed."""
    try:
        if code == _CLOSING or code not in _NO or line.rset()[0] != _OK:
            line.close()
    except (OSError, smtplib.SMTPException):
        line.close()
    return result(final if code >= _NEVER else later, _said(code, words))


def _said(code: int, words: bytes) -> str:
    return f"{code} {words.decode('utf-8', 'replace')}"


def _dotted(raw: bytes) -> bytes:
    """The mail as DATA carries it: a dot before each line's dot, and one alone at the end (RFC 5321 §4.5.2).

    No line ends otherwise than by CR LF: some servers would see the end of the mail, and another one after it.
    """
    wired = _LINE_END.sub(b"\r\n", raw)
    end = b"" if wired.endswith(b"\r\n") else b"\r\n"
    stuffed = wired.replace(b"\r\n.", b"\r\n..")
    return (b"." if wired.startswith(b".") else b"") + stuffed + end + b".\r\n"

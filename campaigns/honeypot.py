"""A link that no reader can see, for telling link scanners from people. Pure.

It is neither shown nor read aloud nor reached with the keyboard; only a program that follows every address of a mail
follows it. What such a hit means is decided in `events.machines`.
"""

import re
from typing import Final

PATH: Final = "/mp-trap/"
_END: Final = re.compile(r"</body\b", re.IGNORECASE)
_LINK: Final = (
    '<div style="display:none;max-height:0;overflow:hidden;mso-hide:all" aria-hidden="true">'
    '<a href="{address}" tabindex="-1" rel="nofollow"></a></div>'
)


def with_honeypot(html: str, public_url: str) -> str:
    """Return an HTML part with the link as the last thing in its body; unchanged where it is there already.

    `public_url` is where readers reach us, without a slash at the end; without one nothing is put in.
    """
    address = f"{public_url}{PATH}"
    if not public_url or f'"{address}"' in html:
        return html
    ends = [found.start() for found in _END.finditer(html)]
    at = ends[-1] if ends else len(html)
    return html[:at] + _LINK.format(address=address) + html[at:]

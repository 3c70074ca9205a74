"""A paper every text of which tries to be markup."""

from mailplatform.accounts.papers.blocks import Gap, Heading, Paper, Para, Points, Table

NASTY = (
    '<script>alert(1)</script> | a*b* [x](javascript:1) ![y](z) `c` $z$ #eval("1") https://x.example \\ ~~d~~'
)


def paper(text: str) -> Paper:
    return Paper(
        key="x",
        title=text,
        made=[("Controller", text), ("Made", "now")],
        warnings=[text],
        blocks=[Heading(text), Para(text), Points([text]), Table(["A", "B"], [[text, Gap("what")]])],
        settings=Table(["Setting", "Value"], [["a", text]]),
        gaps=[Gap("what")],
    )

"""The papers of data protection: a list, the questions that only people can answer, each paper, its files."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from ..access import current_user, require_role
from ..paper_forms import QuestionsForm
from ..papers import markdown, pdf
from ..papers.blocks import Block, Gap, Heading, Para, Points, texts
from ..services import papers as service
from .tabs import settings_tabs


@require_role("admin")
@require_GET
def papers(request: HttpRequest) -> HttpResponse:
    """List the papers: when each was kept last, whether the settings moved since, what is still missing."""
    context = {"tabs": settings_tabs("accounts:papers"), "drafts": service.drafts()}
    return render(request, "account/papers.html", context)


@require_role("admin")
@require_http_methods(["GET", "POST"])
def questions(request: HttpRequest) -> HttpResponse:
    """Ask what the product cannot know."""
    form = QuestionsForm(request.POST if request.method == "POST" else None, told=service.answers())
    if form.is_bound and form.is_valid():
        try:
            changed = service.answer(given=form.cleaned_data, actor=current_user(request))
        except service.AnswerError as error:
            form.add_error(error.key, str(error))
        else:
            messages.success(request, "Saved." if changed else "Nothing was changed.")
            return redirect("accounts:papers")
    return render(
        request, "account/paper_questions.html", {"form": form}, status=422 if form.is_bound else 200
    )


@require_role("admin")
@require_http_methods(["GET", "POST"])
def paper(request: HttpRequest, key: str) -> HttpResponse:
    """Show one paper; POST keeps it as approved."""
    made = _draft(key)
    if request.method == "POST":
        try:
            version = service.approve(
                key=key, fingerprint=request.POST.get("fingerprint", ""), actor=current_user(request)
            )
        except service.PaperChanged as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"{made.kind.title}: version {version.number} is kept as approved.")
        return redirect("accounts:paper", key=key)
    context = {"made": made, "blocks": [_shown(block) for block in made.paper.blocks]}
    return render(request, "account/paper.html", context)


@require_role("admin")
@require_GET
def paper_markdown(_request: HttpRequest, key: str) -> HttpResponse:
    """Hand out a paper as Markdown."""
    return _file(markdown.render(_draft(key).paper).encode(), f"{key}.md", "text/markdown; charset=utf-8")


@require_role("admin")
@require_GET
def paper_pdf(_request: HttpRequest, key: str) -> HttpResponse:
    """Hand out a paper as PDF."""
    return _file(pdf.render(_draft(key).paper), f"{key}.pdf", "application/pdf")


def _draft(key: str) -> service.Draft:
    try:
        return service.draft(key)
    except service.UnknownPaper as error:
        raise Http404("There is no such paper.") from error


def _file(content: bytes, name: str, content_type: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(content, content_type=content_type, headers=headers)


def _shown(block: Block) -> dict[str, Any]:
    """Return a block as the page's template wants it: each text with whether it is a gap."""
    match block:
        case Heading():
            return {"kind": "heading", "text": block.text}
        case Para() | Points():
            kind = "para" if isinstance(block, Para) else "points"
            return {"kind": kind, "items": [_text(text) for text in texts(block)]}
        case _:
            return {
                "kind": "table",
                "head": block.head,
                "rows": [[_text(cell) for cell in row] for row in block.rows],
            }


def _text(text: str) -> dict[str, Any]:
    return {"text": text, "is_gap": isinstance(text, Gap)}

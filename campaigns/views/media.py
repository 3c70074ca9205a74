"""The media library: its list, adding files, one file, the picker of the editors, and the files as mails load them."""

from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.services import installation
from mailplatform.core.numbers import whole

from ..forms.media import ACCEPT, DescribeForm, OnePictureForm, UploadForm
from ..media import kinds
from ..models import MediaFamily, MediaFile
from ..rendering import SourceKind
from ..selectors import brand
from ..selectors import media as selectors
from ..services import media as service

PAGE: Final = 24
PICKED: Final = 12
_YEAR_S: Final = 31_536_000
# A mail is about so wide; a wider picture is for sharp screens.
_MAIL_WIDTH: Final = 600


@require_role("viewer")
@require_GET
def media_list(request: HttpRequest) -> HttpResponse:
    """All files, newest first."""
    return _list_page(request, UploadForm())


@require_role("marketer")
@require_POST
def media_add(request: HttpRequest) -> HttpResponse:
    """Take the files that are good, and say of each other one what is wrong with it."""
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        return _list_page(request, form, status=422)
    added, refused = _take(request, form.cleaned_data["uploads"])
    for words in refused:
        messages.error(request, words)
    new = [each.media for each in added if each.is_new]
    if new:
        messages.success(request, f"{len(new)} file{'s' if len(new) != 1 else ''} added.")
    for each in added:
        if not each.is_new:
            messages.info(request, f"“{each.media.name}” was there already: the same file is kept once.")
    if len(added) == 1:
        return redirect("campaigns:media_detail", added[0].media.public_id)
    return redirect("campaigns:media_list")


def _list_page(request: HttpRequest, form: UploadForm, *, status: int = 200) -> HttpResponse:
    given = {name: request.GET.get(name, "").strip() for name in ("search", "family", "missing")}
    number = whole(request.GET.get("from"), digits=9)
    matching = selectors.list_media(
        search=given["search"], family=given["family"], without_alt=given["missing"] == "alt"
    )
    found = list(matching[number : number + PAGE + 1])
    query = f"{reverse('campaigns:media_list')}?{urlencode(given)}&from="
    context = {
        **given,
        "form": form,
        "accept": ACCEPT,
        "families": MediaFamily.choices,
        "tiles": [_tile(media) for media in found[:PAGE]],
        "is_narrowed": any(given.values()),
        "undescribed": selectors.undescribed(),
        "may_edit": current_user(request).has_role("marketer"),
        "kinds": kinds.WORDS,
        "previous_url": f"{query}{max(0, number - PAGE)}" if number else "",
        "next_url": f"{query}{number + PAGE}" if len(found) > PAGE else "",
    }
    return render(request, "campaigns/media_list.html", context, status=status)


def _tile(media: MediaFile) -> dict[str, Any]:
    return {"media": media, "path": brand.file_path(media), "is_image": media.family == MediaFamily.IMAGE}


def _take(
    request: HttpRequest, files: "list[UploadedFile[Any]]", alt: str = ""
) -> tuple[list[service.Added], list[str]]:
    added, refused = [], []
    for file in files:
        try:
            added.append(service.add_upload(actor=current_user(request), file=file, alt=alt))
        except (kinds.UnusableFile, service.InvalidDescription) as error:
            refused.append(str(error))
        except service.StorageAway as error:
            refused.append(str(error))
            break
    return added, refused


@require_role("viewer")
@require_http_methods(["GET", "POST"])
def media_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One file: what it is, where it is used, its words."""
    media = selectors.access_media(public_id)
    user = current_user(request)
    form = DescribeForm(request.POST or None, initial={"name": media.name, "alt": media.alt})
    if form.is_valid():
        try:
            service.describe(media=media, actor=user, **form.cleaned_data)
        except service.InvalidDescription as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, "Saved. Mails that are written from now on get these words.")
            return redirect("campaigns:media_detail", public_id)
    site = installation.get()
    context = {
        **_tile(media),
        "form": form,
        "uses": selectors.uses_of(media),
        "url": brand.file_url(media, site),
        "double_url": brand.file_url(media, site, double=True) if media.double_width else "",
        "may_edit": user.has_role("marketer"),
    }
    return render(request, "campaigns/media_detail.html", context, status=422 if form.is_bound else 200)


@require_role("marketer")
@require_POST
def media_delete(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Delete a file that nothing uses."""
    media = selectors.access_media(public_id)
    try:
        service.delete(media=media, actor=current_user(request))
    except service.FileInUse as error:
        messages.error(request, f"{error} See below where.")
        return redirect("campaigns:media_detail", public_id)
    messages.success(request, f"“{media.name}” is deleted.")
    return redirect("campaigns:media_list")


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def media_picker(request: HttpRequest) -> HttpResponse:
    """The pictures to choose from, as a part of an editor's page; adds one, or the words of one."""
    form, refused = OnePictureForm(), list[str]()
    if request.method == "POST":
        form, refused = _picker_post(request)
    given = request.GET
    into = SourceKind.HTML if given.get("into") == SourceKind.HTML else SourceKind.MJML
    search = given.get("search", "").strip()
    found = selectors.list_media(search=search, family=MediaFamily.IMAGE)[:PICKED]
    site = installation.get()
    context = {
        "form": form,
        "refused": refused,
        "accept": ACCEPT,
        "into": into,
        "search": search,
        "tiles": [{**_tile(media), **_snippet(media, brand.file_url(media, site), into)} for media in found],
    }
    return render(
        request, "campaigns/_media_picker.html", context, status=422 if refused or form.errors else 200
    )


def _picker_post(request: HttpRequest) -> tuple[OnePictureForm, list[str]]:
    if described := request.POST.get("media", ""):
        try:
            media = selectors.access_media(UUID(described))
            service.describe(media=media, actor=current_user(request), alt=request.POST.get("alt", ""))
        except ValueError as error:  # no number of a file, or words that are too long
            return OnePictureForm(), [str(error)]
        return OnePictureForm(), []
    form = OnePictureForm(request.POST, request.FILES)
    if not form.is_valid():
        return form, []
    added, refused = _take(request, form.cleaned_data["uploads"], form.cleaned_data["alt"])
    refused += [
        f"“{each.media.name}” is no picture: attach it to a campaign instead."
        for each in added
        if each.media.family != MediaFamily.IMAGE
    ]
    return form if refused else OnePictureForm(), refused


def _snippet(media: MediaFile, url: str, into: SourceKind) -> dict[str, Any]:
    width = min(media.width, _MAIL_WIDTH)
    return {"url": url, "shown_width": width, "into": into}


@login_not_required
@require_safe
def media_file(request: HttpRequest, code: str, name: str, *, double: bool = False) -> HttpResponse:
    """A file as readers' mail programs load it: for everybody who has its address, and without a cookie."""
    del name  # for people's eyes
    media = MediaFile.objects.filter(public_id=_number(code)).first()
    if media is None:
        raise Http404("There is no such file.")
    is_double = double and bool(media.double_hash)
    tag = f'"{media.double_hash if is_double else media.content_hash}"'
    if request.headers.get("If-None-Match") == tag:
        response = HttpResponse(status=304)
    else:
        try:
            content = service.read(media, double=double)
        except service.FileGone as error:
            raise Http404(str(error)) from error
        except service.StorageAway:
            return HttpResponse(
                "The file storage does not answer.",
                status=503,
                content_type="text/plain",
                headers={"Retry-After": "60", "Cache-Control": "no-store"},
            )
        response = HttpResponse(content, content_type=media.double_type if is_double else media.content_type)
    response["ETag"] = tag
    response["Cache-Control"] = f"public, max-age={_YEAR_S}, immutable"
    # Even if a file were not what it says, nothing in it would run.
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    response["Content-Disposition"] = _disposition(media)
    return response


def _number(code: str) -> UUID:
    try:
        return UUID(code)
    except ValueError as error:
        raise Http404("There is no such file.") from error


def _disposition(media: MediaFile) -> str:
    how = "inline" if media.family == MediaFamily.IMAGE else "attachment"
    return f'{how}; filename="{brand.file_path(media).rpartition("/")[2]}"'

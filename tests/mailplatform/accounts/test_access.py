import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.models import Role, User


@require_role("marketer")
def page(request: HttpRequest, *, greeting: str = "hello") -> HttpResponse:
    return HttpResponse(f"{greeting} {current_user(request).email}")


def request_of(user: User | AnonymousUser, **headers: str) -> HttpRequest:
    request = RequestFactory(headers=headers).get("/page/?q=1")
    request.user = user
    return request


@pytest.mark.parametrize("role", [Role.MARKETER, Role.ADMIN])
def test_people_with_the_role_or_a_higher_one_may_enter(role: Role) -> None:
    response = page(request_of(User(email="ada@example.org", role=role)), greeting="good day")
    assert isinstance(response, HttpResponse)
    assert response.content == b"good day ada@example.org"


def test_people_with_a_lower_role_may_not() -> None:
    with pytest.raises(PermissionDenied, match="Marketer"):
        page(request_of(User(email="ada@example.org", role=Role.VIEWER)))


def test_a_deactivated_administrator_may_not() -> None:
    with pytest.raises(PermissionDenied):
        page(request_of(User(email="ada@example.org", role=Role.ADMIN, is_active=False)))


def test_strangers_sign_in_and_come_back() -> None:
    response = page(request_of(AnonymousUser()))
    assert response.status_code == 302
    assert response["Location"] == "/account/login/?next=/page/%3Fq%3D1"


def test_a_fragment_never_shows_the_sign_in_form_inside_another_page() -> None:
    response = page(request_of(AnonymousUser(), hx_request="true"))
    assert response.status_code == 204
    assert response["HX-Refresh"] == "true"


def test_an_unknown_role_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="owner"):
        require_role("owner")


def test_there_is_no_current_user_for_a_stranger() -> None:
    with pytest.raises(PermissionDenied):
        current_user(request_of(AnonymousUser()))


@pytest.mark.parametrize(("role", "allowed"), [(Role.VIEWER, False), (Role.MARKETER, True)])
def test_a_viewer_reads_and_changes_nothing(role: Role, *, allowed: bool) -> None:
    view = require_role("viewer")(lambda _: HttpResponse())
    request = request_of(User(email="ada@example.org", role=role))
    assert view(request).status_code == 200
    request.method = "POST"
    if allowed:
        assert view(request).status_code == 200
        return
    with pytest.raises(PermissionDenied, match="changes nothing"):
        view(request)
    assert require_role("viewer", viewers_post=True)(lambda _: HttpResponse())(request).status_code == 200

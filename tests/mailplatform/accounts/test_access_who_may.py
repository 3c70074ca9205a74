"""Who may open and change what, address by address. A new address fails here until it has its row."""

import uuid

import pytest
from django.test import Client
from django.urls import NoReverseMatch, URLPattern, reverse

from mailplatform.accounts.models import Role
from tests.factories import campaigns as making
from tests.factories.accounts import AdminFactory, InstallationFactory, MarketerFactory, ViewerFactory
from tests.factories.signup import make_form
from tests.mailplatform.accounts.test_urls import patterns

# By the least role. Everybody who may do something may do all that those above in this table may.
TABLE: dict[str, str] = {
    # Strangers: signing in, health, and what readers of our mail open.
    "stranger": """
        accounts:setup accounts:health accounts:live accounts:ready accounts:metrics
        events:archive events:archive_copy events:unsubscribe events:unsubscribe_bare events:trap
        events:broken_link
        events:preferences events:view_in_browser events:signup events:signup_confirm events:my_data events:my_erasure
        campaigns:media_file campaigns:media_file_double campaigns:brand_css
        account_login account_logout account_signup account_inactive account_reset_password
        account_reset_password_done account_reset_password_from_key account_reset_password_from_key_done
        account_confirm_login_code account_confirm_email account_email_verification_sent
        mfa_authenticate mfa_login_webauthn
        """,
    # Programs: a token instead of a session, see test_api.py.
    "token": """
        api:people api:add_person api:person api:change_person api:erase_person api:unsubscribe_person api:person_data
        api:all_lists api:add_list api:members api:sign_up api:all_campaigns api:add_campaign api:campaign
        api:campaign_audience api:schedule api:pause api:resume api:api-root
        """,
    # Everybody who works here, about themselves.
    "oneself": """
        account_change_password account_set_password account_email account_reauthenticate
        mfa_index mfa_reauthenticate mfa_activate_totp mfa_deactivate_totp mfa_view_recovery_codes
        mfa_generate_recovery_codes mfa_download_recovery_codes mfa_list_webauthn mfa_add_webauthn
        mfa_reauthenticate_webauthn mfa_remove_webauthn mfa_edit_webauthn
        """,
    "viewer": """
        accounts:profile accounts:session_end accounts:sessions_end accounts:style api:openapi-json api:openapi-view
        events:dashboard events:campaign_report events:campaign_people events:unresolved events:unresolved_channel
        events:campaign_machines events:campaign_report_print events:campaign_table_csv events:campaign_clicks
        events:campaign_clicked_mail events:compare events:growth events:subscriber_timeline
        events:form_list events:form_detail
        campaigns:template_list campaigns:starter_preview campaigns:template_edit campaigns:template_check
        campaigns:template_preview campaigns:template_versions campaigns:version_preview campaigns:campaign_list
        campaigns:campaign_detail campaigns:campaign_progress campaigns:campaign_recipients campaigns:campaign_preview
        campaigns:campaign_repeat campaigns:campaign_step campaigns:media_list campaigns:media_detail campaigns:brand
        subscribers:subscriber_list subscribers:subscriber_detail subscribers:field_list subscribers:tag_list
        subscribers:suppression_list subscribers:list_list subscribers:list_detail subscribers:segment_list
        subscribers:segment_count subscribers:import_list subscribers:import_detail subscribers:register
        subscribers:register_verify
        """,
    "marketer": """
        campaigns:campaign_attach campaigns:campaign_detach campaigns:media_add campaigns:media_picker
        campaigns:media_delete campaigns:brand_senders
        events:campaign_report_mails events:report_mails
        events:deliverability events:deliverability_look events:deliverability_rates events:deliverability_sunset
        events:deliverability_list events:policy
        events:campaign_people_csv events:unresolved_decide events:campaign_segment events:form_add events:form_words
        events:form_welcome events:form_archive
        campaigns:template_add campaigns:template_import campaigns:template_autosave campaigns:template_visual
        campaigns:version_restore campaigns:template_test campaigns:template_duplicate campaigns:template_archive
        campaigns:template_language_add campaigns:template_language_say campaigns:draft_restore
        campaigns:campaign_new campaigns:campaign_sender_add campaigns:campaign_recipients_csv
        campaigns:campaign_retry_failed campaigns:campaign_send campaigns:campaign_unschedule campaigns:campaign_pause
        campaigns:campaign_resume campaigns:campaign_cancel campaigns:campaign_duplicate campaigns:campaign_archive
        campaigns:campaign_bring_back campaigns:campaign_repeat_stop campaigns:campaign_repeat_skip
        campaigns:campaign_ask_approval campaigns:campaign_approve campaigns:campaign_withdraw_approval
        campaigns:campaign_filing campaigns:campaign_test campaigns:campaign_language_save
        campaigns:campaign_language_remove campaigns:sending_settings campaigns:read_account
        subscribers:subscriber_add subscribers:subscriber_bulk subscribers:subscriber_bulk_job
        subscribers:subscriber_export subscribers:subscriber_edit subscribers:subscriber_basis
        subscribers:subscriber_unsubscribe subscribers:field_edit subscribers:field_delete subscribers:tag_edit
        subscribers:tag_delete subscribers:suppression_lift subscribers:domain_lift subscribers:list_add
        subscribers:list_archive subscribers:segment_add subscribers:segment_edit subscribers:segment_archive
        subscribers:import_start subscribers:import_map subscribers:import_reread subscribers:import_commit
        subscribers:import_cancel subscribers:import_undo subscribers:import_refused
        """,
    "admin": """
        accounts:settings accounts:users accounts:user accounts:user_role accounts:user_link accounts:user_active
        accounts:user_invite_again accounts:user_revoke accounts:user_second_factor
        accounts:audit_log accounts:audit_log_export accounts:api_tokens accounts:api_token_revoke
        accounts:papers accounts:paper_questions accounts:paper accounts:paper_markdown accounts:paper_pdf
        events:amazon events:amazon_choices events:amazon_documents
        events:dead_letters events:replay_dead_letter events:webhook_list events:webhook_add
        events:webhook_detail events:webhook_test events:webhook_rotate events:webhook_replay events:webhook_remove
        campaigns:send_me_a_test campaigns:restored
        subscribers:person_proof subscribers:subscriber_merge subscribers:subscriber_erase subscribers:suppression_sync
        subscribers:retention subscribers:rights_list subscribers:rights_add subscribers:rights_case
        subscribers:rights_act subscribers:rights_data subscribers:register_export
        """,
}
ROLES = ("viewer", "marketer", "admin")
LEAST = {name: role for role, names in TABLE.items() for name in names.split()}
# What a viewer may send all the same: about themselves, or a question that needs a body.
MAY_POST = {
    "accounts:profile", "accounts:session_end", "accounts:sessions_end", "campaigns:template_check",
    "subscribers:register_verify",
}  # fmt: skip
# Read by a marketer, changed by an administrator.
ADMIN_POST = {
    "campaigns:sending_settings", "events:policy", "events:deliverability_sunset", "events:deliverability_list",
}  # fmt: skip
ENTRIES = dict(patterns())


@pytest.fixture(scope="module")
def things(kept: None) -> dict[str, object]:
    """One object of each kind that has an address of its own."""
    InstallationFactory.create()
    campaign = making.make_campaign()
    return {
        "campaign": campaign,
        "unresolved": campaign,
        "template": campaign.template,
        "form": make_form(),
        "list": making.make_list(),
        "subscriber": making.make_subscriber(),
    }


def path_of(name: str, things: dict[str, object]) -> str:
    thing = things.get(name.partition(":")[2].partition("_")[0])
    known = {
        "public_id": getattr(thing, "public_id", uuid.uuid4()),
        "pk": 1, "number": 1, "revision": 1, "part": "html", "key": "ropa", "slug": "x", "step": "to", "token": "x",
        "code": "x", "name": "x",
    }  # fmt: skip
    wanted = ENTRIES[name].pattern.converters
    try:
        return reverse(name, kwargs={each: known.get(each, "x") for each in wanted})
    except NoReverseMatch:
        return ""


@pytest.fixture(scope="module")
def desks(kept: None) -> dict[str, Client]:
    """A window for each kind of person."""
    clients = {name: Client() for name in ("stranger", *ROLES)}
    for role, factory in zip(ROLES, (ViewerFactory, MarketerFactory, AdminFactory), strict=True):
        clients[role].force_login(factory.create())
    return clients


def of_role(*roles: str) -> list[str]:
    return [name for name in ENTRIES if LEAST.get(name) in roles]


def role_of(entry: URLPattern) -> str:
    view: object = entry.callback
    while view is not None:
        if found := getattr(view, "required_role", None):
            return str(Role(found).value)
        view = getattr(view, "__wrapped__", None)
    return ""


def test_every_address_has_one_row() -> None:
    assert sorted(LEAST) == sorted(name for names in TABLE.values() for name in names.split())
    assert set(ENTRIES) - set(LEAST) == set()
    assert set(LEAST) - set(ENTRIES) == set()


def test_each_page_asks_for_the_role_of_its_row() -> None:
    asked = {name: role_of(entry) for name, entry in ENTRIES.items()}
    assert asked == {name: role if role in ROLES else "" for name, role in LEAST.items()}


@pytest.mark.django_db
def test_a_stranger_signs_in_first(desks: dict[str, Client], things: dict[str, object]) -> None:
    wrong = {}
    for name in of_role("oneself", *ROLES):
        path = path_of(name, things)
        for answer in (desks["stranger"].get(path), desks["stranger"].post(path)):
            if not answer.headers.get("Location", "").startswith("/account/login/"):
                wrong[name] = answer.status_code
    assert wrong == {}


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["viewer", "marketer"])
def test_a_lower_role_is_refused(role: str, desks: dict[str, Client], things: dict[str, object]) -> None:
    wrong = {}
    for name in of_role(*ROLES[ROLES.index(role) + 1 :]):
        path = path_of(name, things)
        statuses = {desks[role].get(path).status_code, desks[role].post(path).status_code}
        if statuses not in ({403}, {403, 405}):
            wrong[name] = statuses
    assert wrong == {}


@pytest.mark.django_db
def test_a_viewer_changes_nothing(desks: dict[str, Client], things: dict[str, object]) -> None:
    names = [name for name in of_role("viewer") if name not in MAY_POST]
    statuses = {name: desks["viewer"].post(path_of(name, things)).status_code for name in names}
    assert {name: status for name, status in statuses.items() if status not in {403, 405}} == {}


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(ADMIN_POST))
def test_a_marketer_reads_what_only_an_administrator_changes(
    name: str, desks: dict[str, Client], things: dict[str, object]
) -> None:
    assert desks["marketer"].get(path_of(name, things)).status_code == 200
    assert desks["marketer"].post(path_of(name, things)).status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["stranger", "admin"])
def test_a_session_is_no_token(who: str, desks: dict[str, Client]) -> None:
    paths = {f"/api/v1/{ENTRIES[name].pattern}".replace("<public_id>", "x") for name in of_role("token")}
    statuses = {path: desks[who].get(path).status_code for path in paths}
    assert {path: status for path, status in statuses.items() if status not in {401, 404, 405}} == {}

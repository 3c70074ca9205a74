"""Addresses of the app `subscribers`."""

from django.urls import URLPattern, URLResolver, path

from .views import (
    bulk,
    imports,
    lists,
    merging,
    register,
    retention,
    rights,
    segments,
    subscribers,
    suppression_sync,
    suppressions,
    vocabulary,
)

app_name = "subscribers"

_person = "subscribers/<uuid:public_id>/"
_list = "lists/<uuid:public_id>/"
_segment = "segments/<uuid:public_id>/"
_rights = "privacy-requests/<uuid:public_id>/"
_import = "imports/<uuid:public_id>/"

urlpatterns: list[URLPattern | URLResolver] = [
    path("subscribers/", subscribers.subscriber_list, name="subscriber_list"),
    path("subscribers/add/", subscribers.subscriber_add, name="subscriber_add"),
    path("subscribers/bulk/", bulk.bulk, name="subscriber_bulk"),
    path("subscribers/bulk/<uuid:public_id>/", bulk.bulk_job, name="subscriber_bulk_job"),
    path("subscribers/export/", bulk.export, name="subscriber_export"),
    path(_person, subscribers.subscriber_detail, name="subscriber_detail"),
    path(f"{_person}edit/", subscribers.subscriber_edit, name="subscriber_edit"),
    path(f"{_person}basis/", subscribers.subscriber_basis, name="subscriber_basis"),
    path(f"{_person}unsubscribe/", subscribers.subscriber_unsubscribe, name="subscriber_unsubscribe"),
    path(f"{_person}proof/", register.person_proof, name="person_proof"),
    path(f"{_person}merge/", merging.subscriber_merge, name="subscriber_merge"),
    path(f"{_person}erase/", subscribers.subscriber_erase, name="subscriber_erase"),
    path("fields/", vocabulary.field_list, name="field_list"),
    path("fields/<int:pk>/", vocabulary.field_edit, name="field_edit"),
    path("fields/<int:pk>/delete/", vocabulary.field_delete, name="field_delete"),
    path("tags/", vocabulary.tag_list, name="tag_list"),
    path("tags/<int:pk>/", vocabulary.tag_edit, name="tag_edit"),
    path("tags/<int:pk>/delete/", vocabulary.tag_delete, name="tag_delete"),
    path("blocked/", suppressions.suppression_list, name="suppression_list"),
    path("blocked/sync/", suppression_sync.suppression_sync, name="suppression_sync"),
    path("blocked/<int:pk>/lift/", suppressions.suppression_lift, name="suppression_lift"),
    path("blocked/domains/<int:pk>/lift/", suppressions.domain_lift, name="domain_lift"),
    path("lists/", lists.list_list, name="list_list"),
    path("lists/add/", lists.list_add, name="list_add"),
    path(_list, lists.list_detail, name="list_detail"),
    path(f"{_list}archive/", lists.list_archive, name="list_archive"),
    path("segments/", segments.segment_list, name="segment_list"),
    path("segments/add/", segments.segment_add, name="segment_add"),
    path(_segment, segments.segment_edit, name="segment_edit"),
    path(f"{_segment}count/", segments.segment_count, name="segment_count"),
    path(f"{_segment}archive/", segments.segment_archive, name="segment_archive"),
    path("imports/", imports.import_list, name="import_list"),
    path("imports/add/", imports.import_start, name="import_start"),
    path(_import, imports.import_detail, name="import_detail"),
    path(f"{_import}map/", imports.import_map, name="import_map"),
    path(f"{_import}reread/", imports.import_reread, name="import_reread"),
    path(f"{_import}start/", imports.import_commit, name="import_commit"),
    path(f"{_import}cancel/", imports.import_cancel, name="import_cancel"),
    path(f"{_import}undo/", imports.import_undo, name="import_undo"),
    path(f"{_import}refused.csv", imports.import_refused, name="import_refused"),
    path("settings/retention/", retention.retention, name="retention"),
    path("privacy-requests/", rights.rights_list, name="rights_list"),
    path("privacy-requests/add/", rights.rights_add, name="rights_add"),
    path(_rights, rights.rights_case, name="rights_case"),
    path(f"{_rights}act/", rights.rights_act, name="rights_act"),
    path(f"{_rights}data/", rights.rights_data, name="rights_data"),
    path("consent/", register.register, name="register"),
    path("consent/check/", register.register_verify, name="register_verify"),
    path("consent/export/", register.register_export, name="register_export"),
]

"""Addresses of the app `accounts`."""

from django.urls import URLPattern, URLResolver, path

from .views import api_tokens, audit, health, papers, profile, settings, setup, style, users

app_name = "accounts"
urlpatterns: list[URLPattern | URLResolver] = [
    path("setup/", setup.setup, name="setup"),
    path("settings/", settings.settings_page, name="settings"),
    path("settings/users/", users.users, name="users"),
    path("settings/users/<int:pk>/", users.user, name="user"),
    path("settings/users/<int:pk>/role/", users.user_role, name="user_role"),
    path("settings/users/<int:pk>/link/", users.user_link, name="user_link"),
    path("settings/users/<int:pk>/invite/", users.user_invite_again, name="user_invite_again"),
    path("settings/users/<int:pk>/revoke/", users.user_revoke, name="user_revoke"),
    path("settings/users/<int:pk>/second-factor/", users.user_second_factor, name="user_second_factor"),
    path("settings/users/<int:pk>/active/", users.user_active, name="user_active"),
    path("settings/audit-log/", audit.audit_log, name="audit_log"),
    path("settings/audit-log/export/", audit.audit_log_export, name="audit_log_export"),
    path("settings/api/", api_tokens.api_tokens, name="api_tokens"),
    path("settings/api/<int:pk>/revoke/", api_tokens.api_token_revoke, name="api_token_revoke"),
    path("settings/papers/", papers.papers, name="papers"),
    path("settings/papers/questions/", papers.questions, name="paper_questions"),
    path("settings/papers/<slug:key>/", papers.paper, name="paper"),
    path("settings/papers/<slug:key>.md", papers.paper_markdown, name="paper_markdown"),
    path("settings/papers/<slug:key>.pdf", papers.paper_pdf, name="paper_pdf"),
    path("account/profile/", profile.profile, name="profile"),
    path("account/sessions/<int:pk>/end/", profile.session_end, name="session_end"),
    path("account/sessions/end-others/", profile.sessions_end, name="sessions_end"),
    path("healthz", health.health, name="health"),
    path("livez", health.live, name="live"),
    path("readyz", health.ready, name="ready"),
    path("metrics", health.metrics, name="metrics"),
    path("style/", style.style, name="style"),
]

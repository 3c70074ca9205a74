"""The ASGI application: the raw event endpoint in front, Django behind it."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")

django_application = get_asgi_application()

from events import endpoint  # noqa: E402 - needs the settings that the line above loads

application = endpoint.mount(django_application)

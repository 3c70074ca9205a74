"""The ASGI application: the raw event endpoint in front, Django behind it."""

import os
from typing import cast

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")

django_application = get_asgi_application()

from django.conf import settings  # noqa: E402 - what follows needs the settings that the line above loads

from events import endpoint  # noqa: E402
from mailplatform.accounts import checks  # noqa: E402
from mailplatform.accounts.services import first_run  # noqa: E402

checks.refuse_bad_configuration()
first_run.announce_in_background(settings.PUBLIC_URL)
application = endpoint.mount(cast("endpoint.Application", django_application))

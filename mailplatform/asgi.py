"""The ASGI application: the raw event endpoint in front, Django behind it."""

import os
from typing import cast

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")

django_application = get_asgi_application()

from django.conf import settings

from events import asgi, endpoint
from mailplatform.accounts import checks
from mailplatform.accounts.services import first_run

checks.refuse_bad_configuration()
first_run.announce_in_background(settings.PUBLIC_URL)
application = endpoint.mount(cast("asgi.Application", django_application))

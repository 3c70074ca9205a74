"""Static files under ASGI, at addresses that hold a hash of their content, which browsers therefore keep for ever.

Django's own way (ManifestStaticFilesStorage) needs every file copied and a manifest written before anything starts.
Here the hash is made when a file is first asked for, and the file is served from where it stands, also under its plain
name. While developing (DEBUG) nothing is hashed, because files change.
"""

import functools
import hashlib
import re
from pathlib import Path, PurePosixPath
from typing import Any, Final

from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage, staticfiles_storage
from django.http import HttpRequest, HttpResponse
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

DIGITS: Final = 12
# As esbuild names what a style sheet refers to.
_BUILT: Final = re.compile(r"-[A-Z0-9]{8}\.woff2$")


class HashedFiles(StaticFilesStorage):
    """Gives `dist/app.css` the address /static/dist/app.0123456789ab.css."""

    def url(self, name: str | None) -> str:
        """Return the address of a file; a file that is nowhere gets its plain one."""
        return super().url(hashed_name(name) if name and not settings.DEBUG else name)


@functools.cache
def hashed_name(name: str) -> str:
    """Return the name with a hash of the content in it."""
    found = finders.find(name)
    if not isinstance(found, str):
        return name
    digest = hashlib.sha256(Path(found).read_bytes()).hexdigest()[:DIGITS]
    path = PurePosixPath(name)
    return str(path.with_name(f"{path.stem}.{digest}{path.suffix}"))


class StaticFilesMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc] # whitenoise has no types
    """WhiteNoise with whole responses, and each file under both of its addresses.

    WhiteNoise's own response is a synchronous stream, which Django under ASGI reads at once anyhow, with a warning for
    each file. Ours are at most some hundred kilobytes. A page made before an upgrade names what is not there any more,
    and gets 404 instead of something else.
    """

    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponse:
        """Answer with the file, or with 304 or 206 as WhiteNoise decides."""
        found = static_file.get_response(request.method, request.META)
        body = b""
        if found.file is not None:
            with found.file:
                body = found.file.read()
        response = HttpResponse(body, status=int(found.status))
        del response["content-type"]
        for name, value in found.headers:
            response[name] = value
        return response

    def add_file_to_dictionary(self, url: str, path: str, stat_cache: Any = None) -> None:
        """Note a file under both of its addresses."""
        super().add_file_to_dictionary(url, path, stat_cache=stat_cache)
        if url not in self.files:
            return  # the compressed form of another file
        hashed = staticfiles_storage.url(url.removeprefix(self.static_prefix))
        if hashed != url:
            self.files[hashed] = self.get_static_file(path, hashed, stat_cache=stat_cache)

    def immutable_file_test(self, path: str, url: str) -> bool:
        """Tell whether an address names its content: by our hash, or by that of the build, as fonts do."""
        return PurePosixPath(url).name != PurePosixPath(path).name or bool(_BUILT.search(path))

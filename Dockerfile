# One image for web, worker, beat and the one-shot database set-up; docker-compose.yml names the commands.
FROM python:3.11-slim-bookworm AS build
WORKDIR /app
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements.txt requirements-dev.txt package.json package-lock.json .npmrc ./
COPY .ci/setup .ci/setup
COPY mailplatform mailplatform
COPY templates templates
COPY subscribers subscribers
COPY campaigns campaigns
COPY events events
RUN .ci/setup runtime && rm -rf node_modules/@tabler node_modules/@fontsource-variable

FROM python:3.11-slim-bookworm
WORKDIR /app
ENV PATH=/app/.venv/bin:$PATH PYTHONUNBUFFERED=1 MAILPLATFORM_DATA_DIR=/data
RUN useradd --uid 10001 --home-dir /data --create-home mailplatform
COPY --from=build /app /app
COPY manage.py LICENSE ./
RUN python -m compileall -q /app/mailplatform /app/subscribers /app/campaigns /app/events
USER mailplatform
VOLUME /data
EXPOSE 8000
CMD ["python", "-m", "uvicorn", "mailplatform.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--no-access-log"]

# syntax=docker/dockerfile:1
# minifile as an image: `docker build --tag minifile .`; see docs/deploy.md.

FROM python:3.13-slim-trixie AS build

# `run` leaves out PostgreSQL, buckets and Redis, and makes the image smaller by half.
ARG REQUIREMENTS=engines

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_NO_INPUT=1 \
    PIP_ROOT_USER_ACTION=ignore

WORKDIR /build

# The packages first: they change more seldom than the code, and their layer is used again.
COPY requirements requirements
RUN python -m venv --without-pip /opt/minifile \
    && pip --python /opt/minifile/bin/python install --require-hashes \
        --requirement "requirements/${REQUIREMENTS}.txt"

COPY pyproject.toml README.md LICENSE CHANGELOG.md wsgi.py ./
COPY migrations migrations
COPY minifile minifile
# What builds it is pinned with the others, and is not needed any more afterwards.
RUN pip --python /opt/minifile/bin/python install --no-deps --no-build-isolation . \
    && pip --python /opt/minifile/bin/python uninstall --yes hatchling editables trove-classifiers


FROM python:3.13-slim-trixie

# A number that stays: what lies in a volume belongs to it.
RUN groupadd --gid 10001 minifile \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /data \
        --shell /usr/sbin/nologin minifile \
    && install --directory --owner=10001 --group=10001 --mode=0700 /data

COPY --from=build /opt/minifile /opt/minifile

ENV PATH=/opt/minifile/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MINIFILE_INSTANCE_PATH=/data

USER 10001:10001
WORKDIR /data
# Nothing else is written, so the root file system may be read-only.
VOLUME /data
EXPOSE 8000
# The server lets running transfers end (STOP_TIMEOUT); give it that time before you kill it.
STOPSIGNAL SIGTERM

HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]

ENTRYPOINT ["minifile"]
CMD ["serve", "--host", "0.0.0.0"]

# One image for every target of the mesh, and one for the collector, which has no tool to check its own health.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
RUN python -m venv /opt/venv
WORKDIR /opt/sankofa
COPY requirements-run.lock requirements-build.lock ./
# What installs the mesh stays out of the image, as do the tools that test it.
RUN /opt/venv/bin/pip install --no-deps --require-hashes --target /opt/backend -r requirements-build.lock \
    && /opt/venv/bin/pip install --no-deps --require-hashes -r requirements-run.lock
COPY pyproject.toml README.md ./
COPY gen gen
COPY mesh mesh
COPY storage storage
COPY services services
COPY cli cli
COPY deploy deploy
RUN PYTHONPATH=/opt/backend /opt/venv/bin/pip install --no-deps --no-build-isolation -e . \
    && /opt/venv/bin/python -m compileall -q gen mesh storage services cli

FROM python:3.11-slim-bookworm AS mesh
# The folders that volumes are mounted on exist, so that a new volume belongs to the user.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin sankofa \
    && install -d -m 0700 -o sankofa -g sankofa \
        /var/lib/sankofa /var/lib/sankofa/directory /run/edge /etc/sankofa /etc/sankofa/pki
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/sankofa /opt/sankofa
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /opt/sankofa
USER sankofa
ENTRYPOINT ["residency"]

FROM busybox:1.37.0-musl AS busybox

FROM otel/opentelemetry-collector-contrib:0.149.0 AS collector
COPY --from=busybox /bin/busybox /bin/wget
USER 10001:10001

# A project's backend: MLflow behind its guard. Runs as any user, on a read-only file system.
# BASE has a Python from 3.11 on; BUILDER is the same one with `venv` and pip.
ARG BASE=docker.io/library/python:3.11-slim-bookworm
ARG BUILDER=${BASE}

FROM ${BUILDER} AS dependencies
WORKDIR /build
COPY requirements/uv.txt requirements/build.txt requirements/
# Secrets of the build, both optional, in no layer: `index` has lines like PIP_INDEX_URL=… and UV_DEFAULT_INDEX=…,
# `authorities` the certificates that a package index is trusted by.
RUN --mount=type=secret,id=index --mount=type=secret,id=authorities \
    set -a; if [ -s /run/secrets/index ]; then . /run/secrets/index; fi; \
    if [ -s /run/secrets/authorities ]; then PIP_CERT=/run/secrets/authorities; fi; set +a; \
    python3 -m venv tools \
    && tools/bin/pip install -q --no-cache-dir --require-hashes -r requirements/uv.txt -r requirements/build.txt
# Tests and headers of libraries: a tenth of what is installed.
COPY requirements/backend.txt requirements/
RUN --mount=type=secret,id=index --mount=type=secret,id=authorities --mount=type=cache,target=/build/.cache \
    set -a; if [ -s /run/secrets/index ]; then . /run/secrets/index; fi; \
    if [ -s /run/secrets/authorities ]; then SSL_CERT_FILE=/run/secrets/authorities; fi; set +a; \
    python3 -m venv --without-pip /opt/tenantry \
    && tools/bin/uv pip install -q --cache-dir .cache --python /opt/tenantry/bin/python --link-mode copy --compile-bytecode \
        --require-hashes --no-deps -r requirements/backend.txt \
    && cd /opt/tenantry/lib/python3*/site-packages && echo /opt/code > tenantry.pth && rm -rf pandas/tests pyarrow/tests pyarrow/include

# A layer of its own, some megabytes: the only one that changes with the code.
FROM dependencies AS code
COPY . .
RUN tools/bin/hatchling build -t wheel -d wheel \
    && tools/bin/uv pip install -q --offline --python /opt/tenantry/bin/python --target /opt/code --link-mode copy \
        --compile-bytecode --no-deps wheel/*.whl

FROM ${BASE}
# What installs packages has no place in what runs, nor has what makes somebody another.
RUN rm -rf /usr/local/bin/pip* /usr/local/lib/python3*/site-packages/* /usr/local/lib/python3*/ensurepip \
    && find / -xdev -type f -perm /6000 -exec chmod a-s {} +
COPY --from=dependencies /opt/tenantry /opt/tenantry
COPY --from=code /opt/code /opt/code
ENV PATH=/opt/tenantry/bin:/opt/code/bin:/usr/local/bin:/usr/bin:/bin \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
ARG VERSION=dev
ARG REVISION=
LABEL org.opencontainers.image.title="Tenantry MLflow backend" \
      org.opencontainers.image.description="One project's MLflow server, which answers its door alone" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
USER 65532:65532
CMD ["python", "-m", "tenantry_backend.pod"]

# One image for all four services and the command line: `docker build -t grantkeeper .`
# Everything that is installed stands in a lock with its hash; the last stage holds no compiler, no pip and no source checkout.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim-bookworm AS build
WORKDIR /build
COPY requirements-build.txt requirements.txt ./
RUN python -m venv tools && tools/bin/pip install --no-cache-dir --require-hashes -r requirements-build.txt
RUN python -m venv --without-pip /opt/grantkeeper \
 && tools/bin/uv pip install --no-cache --python /opt/grantkeeper/bin/python --require-hashes -r requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY services services
COPY schemas schemas
COPY grantkeeper grantkeeper
COPY clients/python clients/python
RUN tools/bin/uv pip install --no-cache --python /opt/grantkeeper/bin/python --no-deps --no-build-isolation . ./clients/python \
 && /opt/grantkeeper/bin/python -m compileall -q /opt/grantkeeper/lib

FROM python:${PYTHON}-slim-bookworm
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin grantkeeper
COPY --from=build /opt/grantkeeper /opt/grantkeeper
COPY templates /opt/grantkeeper/templates
ENV PATH=/opt/grantkeeper/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    GRANTKEEPER_TEMPLATES_DIR=/opt/grantkeeper/templates
USER 10001
WORKDIR /opt/grantkeeper
CMD ["grantkeeper", "--help"]

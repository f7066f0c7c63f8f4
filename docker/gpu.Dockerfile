# syntax=docker/dockerfile:1.9
# The GPU worker. PyTorch's own wheels bring CUDA; the host needs its driver and the NVIDIA container toolkit.
#   docker build -f docker/gpu.Dockerfile -t cmrpipe-gpu .

FROM python:3.11.13-slim-bookworm AS packages
WORKDIR /build
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
# Dependencies before code, as in docker/Dockerfile.
COPY pyproject.toml constraints.txt README.md LICENSE ./
RUN mkdir cmrpipe flows && touch cmrpipe/__init__.py flows/__init__.py
RUN --mount=type=cache,target=/root/.cache/pip pip install -c constraints.txt '.[flows,train,remotes]'

FROM python:3.11.13-slim-bookworm
# Debian keeps one version of a package in a release: the base image pins the release, a version here would vanish.
# hadolint ignore=DL3008
RUN apt-get update && apt-get install -y --no-install-recommends git openssh-client tini && rm -rf /var/lib/apt/lists/*
ARG UID=1000
RUN useradd --uid "$UID" --create-home cmrpipe && git config --system --add safe.directory /workspace
COPY --from=packages /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONPATH=/workspace \
    CMRPIPE_WORKSPACE=/workspace \
    DO_NOT_TRACK=1 \
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY=30 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
WORKDIR /workspace
USER ${UID}
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=4 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health', timeout=4)"]
ENTRYPOINT ["tini", "-g", "--"]
CMD ["prefect", "worker", "start", "--pool", "gpu", "--type", "process", "--with-healthcheck"]

# Two images. The service, which is the last stage: docker build -t mmer-service .
# The app: docker build -t mmer-app --target app .
# Both run as a user without rights, and with a read-only root file system where /tmp (and /data for the app) can
# be written; compose.yaml starts them so.

FROM python:3.11-slim-bookworm AS base
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/tmp/numba \
    ORT_DISABLE_TELEMETRY=1
WORKDIR /opt/mmer
COPY packages.txt ./
# The versions are those of the Debian release.
# hadolint ignore=DL3008
RUN apt-get update \
    && xargs -a packages.txt apt-get install -y --no-install-recommends \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /data --create-home --shell /usr/sbin/nologin mmer

FROM base AS libraries
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY pyproject.toml requirements.txt README.md LICENSE ./
COPY mmer_core/__init__.py mmer_core/
RUN python -m venv /opt/venv \
    && pip install --no-deps --index-url "$TORCH_INDEX" --constraint requirements.txt torch \
    && pip install --constraint requirements.txt --editable '.[service]'

FROM libraries AS app-libraries
RUN pip install --constraint requirements.txt --editable '.[app]'

FROM base AS app
COPY --from=app-libraries /opt/venv /opt/venv
COPY pyproject.toml app.py ./
COPY .streamlit .streamlit
COPY checkpoints checkpoints
COPY samples samples
COPY mmer_core mmer_core
COPY pages pages
COPY ui ui
ENV HOME=/data \
    XDG_DATA_HOME=/data
USER 10001
EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
ENTRYPOINT ["streamlit", "run", "app.py", "--server.address=0.0.0.0", "--server.port=8501", "--server.headless=true"]

FROM base AS service
COPY --from=libraries /opt/venv /opt/venv
COPY pyproject.toml ./
COPY checkpoints/default checkpoints/default
COPY checkpoints/large checkpoints/large
COPY mmer_core mmer_core
ENV HOME=/tmp
USER 10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=90s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["mmer", "serve", "--host", "0.0.0.0", "--port", "8000"]
CMD ["--max-mb", "200", "--queue", "8"]

# Install the dependencies and the bridge into one environment. The image contains only that environment.
FROM python:3.13-slim AS build
WORKDIR /build
RUN python -m venv /opt/bridge
COPY requirements/run.lock requirements/build.lock ./
RUN /opt/bridge/bin/pip install --no-cache-dir --require-hashes -r run.lock \
 && python -m pip install --no-cache-dir --require-hashes -r build.lock
COPY pyproject.toml README.md ./
COPY migrations ./migrations
COPY src ./src
RUN python -m pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir dist . \
 && /opt/bridge/bin/pip install --no-cache-dir --no-deps --no-index dist/*.whl

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/bridge --create-home bridge
COPY --from=build /opt/bridge /opt/bridge
ENV PATH=/opt/bridge/bin:$PATH BRIDGE_HOST=0.0.0.0 PYTHONUNBUFFERED=1
USER bridge
WORKDIR /var/lib/bridge
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f'http://127.0.0.1:{os.environ.get(\"BRIDGE_PORT\", 8080)}/healthz', timeout=4)"]
CMD ["panelr-bridge", "serve"]

# syntax=docker/dockerfile:1
# A server for one exported file, on a CPU, as nobody in particular: no torch, no compiler, no shell needed.
#   docker build -t facetwise-serve .
#   docker run --read-only --cap-drop ALL -p 127.0.0.1:8000:8000 -v "$PWD/model.onnx:/model/model.onnx:ro" \
#     -e FACETWISE_TOKEN facetwise-serve
FROM python:3.12-slim AS build
WORKDIR /build
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src ./src
# What `facetwise.serving` imports, and no more; versions as they are tested.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --constraint constraints.txt \
      fastapi numpy onnxruntime pillow pydantic python-multipart pyyaml rich starlette typer uvicorn \
    && /venv/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12-slim
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin facetwise
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=3s --start-period=60s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/readyz', timeout=2)"]
ENTRYPOINT ["facetwise", "serve"]
CMD ["/model/model.onnx", "--host", "0.0.0.0", "--port", "8000", "--token-env", "FACETWISE_TOKEN"]

# The server alone, without TensorFlow.   docker compose up   or:
#   docker build -t cutout . && docker run --read-only --tmpfs /tmp -p 127.0.0.1:8000:8000 cutout

FROM python:3.11-slim-bookworm AS build
RUN python -m venv --without-pip /opt/venv
COPY requirements/server.txt /build/
# left out: onnxruntime's library for C programs, which its Python module doesn't use, and tests; 45 MB
RUN python -m pip --python /opt/venv/bin/python install --no-cache-dir --no-compile --require-hashes -r /build/server.txt \
    && find /opt/venv \( -name 'libonnxruntime.so*' -o -type d -name tests \) -prune -exec rm -rf {} +
COPY app /srv/cutout/app
COPY cutout /srv/cutout/cutout
# Bytecode of just what the server imports: a read-only container can't write any, and would compile at every start.
RUN cd /srv/cutout && /opt/venv/bin/python -c "\
import app.__main__, app.main, cutout.inference.onnx_predictor, pythonjsonlogger.json, uvicorn.loops.uvloop, \
uvicorn.protocols.http.httptools_impl, uvicorn.lifespan.on"

FROM python:3.11-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ORT_DISABLE_TELEMETRY=1 \
    CUTOUT_HOST=0.0.0.0 \
    CUTOUT_PORT=8000
WORKDIR /srv/cutout
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/cutout/app app
COPY --from=build /srv/cutout/cutout cutout
COPY LICENSE NOTICE ./
COPY models models
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s --start-interval=1s CMD ["python", "-I", "-S", "-c", "\
import http.client, os, sys; \
server = http.client.HTTPConnection('127.0.0.1', int(os.environ['CUTOUT_PORT']), timeout=2); \
server.request('GET', '/readyz'); \
sys.exit(server.getresponse().status != 200)"]
CMD ["python", "-m", "app"]

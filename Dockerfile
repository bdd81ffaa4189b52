# The CPU image: `docker run -p 8000:8000 -v "$PWD/store:/store:ro" manifold`, or, built with BAKE=quick, without the mount.
# It installs what requirements/serve.txt locks, runs as a plain user and writes nothing but /tmp.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
# Where the models come from: `none` (mounted at /store), or the preset they are trained with during the build.
ARG BAKE=none

FROM ${PYTHON_IMAGE} AS builder
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /venv
COPY requirements/serve.txt /requirements/serve.txt
# TensorFlow's C++ headers are only needed to compile against it: 150 MB that nothing reads at run time.
RUN /venv/bin/pip install --require-hashes --no-deps --only-binary :all: --requirement /requirements/serve.txt \
    && rm -rf /venv/lib/python3*/site-packages/tensorflow/include

FROM builder AS baked
ARG BAKE
COPY requirements/dev.txt /requirements/dev.txt
WORKDIR /manifold
COPY models models
COPY training training
RUN mkdir /store && if [ "$BAKE" != none ]; then \
        /venv/bin/pip install --require-hashes --no-deps --only-binary :all: --requirement /requirements/dev.txt \
        && /venv/bin/python -m training --all --preset "$BAKE" --store /store && rm -rf /store/.training; fi

FROM ${PYTHON_IMAGE} AS runtime
RUN useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin manifold
COPY --from=builder /venv /venv
COPY --from=baked /store /store
WORKDIR /manifold
COPY models models
COPY service service
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    KERAS_HOME=/tmp/keras \
    KERAS_BACKEND=tensorflow \
    TF_CPP_MIN_LOG_LEVEL=2 \
    MANIFOLD_SERVER__HOST=0.0.0.0 \
    MANIFOLD_SERVER__PORT=8000 \
    MANIFOLD_STORE__PATH=/store
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Ready means that there is a model and every one is warm; until then, and while draining, the container is unhealthy.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['MANIFOLD_SERVER__PORT'] + '/readyz', timeout=2)"]
ENTRYPOINT ["python", "-m", "service"]
CMD ["serve"]

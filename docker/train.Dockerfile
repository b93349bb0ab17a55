# The image for training: it runs `untilclick train`, `evaluate` and `renew`.
#
#   docker build -f docker/train.Dockerfile -t untilclick-train .
#
# PYTHON_IMAGE  base image
# TORCH_INDEX   index of torch's wheels; default: wheels for CPUs. For GPUs, the index of a CUDA version; empty: PyPI
# ENCODER       extra with a sentence encoder; empty: none
# TRLX          requirement that installs trlX, such as git+https://...@COMMIT; empty: only the built-in backend
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim

FROM ${PYTHON_IMAGE} AS trainer
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG TRLX=""
ARG ENCODER=minilm
# trlX runs git in its working folder. It is installed without dependencies; the extra `trlx` has those it needs.
# hadolint ignore=DL3008
RUN if [ -n "${TRLX}" ]; then \
      apt-get update && apt-get install --yes --no-install-recommends git && rm -rf /var/lib/apt/lists/*; \
    fi
WORKDIR /src
RUN python -m venv /opt/train
COPY pyproject.toml setup.py constraints.txt README.md LICENSE ./
COPY search search
COPY rewriter rewriter
COPY app app
# hadolint ignore=DL3042
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/train/bin/pip install --disable-pip-version-check -c constraints.txt \
      ${TORCH_INDEX:+--extra-index-url "${TORCH_INDEX}"} ".[postgres,ir-datasets,${ENCODER:+${ENCODER},}${TRLX:+trlx,}train]" \
    && if [ -n "${TRLX}" ]; then /opt/train/bin/pip install --disable-pip-version-check --no-deps "${TRLX}"; fi

FROM trainer
LABEL org.opencontainers.image.title="untilclick-train" \
      org.opencontainers.image.description="Trains the rewriters of untilclick" \
      org.opencontainers.image.licenses="MIT"
RUN groupadd --gid 10001 untilclick \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/untilclick-runs untilclick \
    && install -d -o 10001 -g 10001 -m 0750 /var/lib/untilclick /var/lib/untilclick-runs
ENV PATH=/opt/train/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    UNTILCLICK_MODELS=/var/lib/untilclick/models \
    UNTILCLICK_OUT=/var/lib/untilclick-runs/renewal
USER 10001:10001
WORKDIR /var/lib/untilclick-runs
VOLUME /var/lib/untilclick-runs
ENTRYPOINT ["untilclick"]
CMD ["renew"]

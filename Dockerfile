# docker build --build-arg TORCH=cpu -t mixtune .     (TORCH=cuda for NVIDIA cards)
FROM python:3.11-slim

ARG TORCH=cpu
WORKDIR /opt/mixtune
COPY . .
# torch first: its processor and CUDA builds have one version number and different indexes
RUN if [ "$TORCH" = cpu ]; then index=https://download.pytorch.org/whl/cpu; \
    else index=https://download.pytorch.org/whl/cu128; fi \
 && pip install --no-cache-dir --constraint constraints.txt --extra-index-url "$index" torch \
 && pip install --no-cache-dir --constraint constraints.txt ".[postgres]"

# studies, models and texts live in the mounted folder
WORKDIR /data
ENV HF_HOME=/data/.cache/huggingface
ENTRYPOINT ["mixtune"]

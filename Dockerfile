FROM python:3.13-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOST=0.0.0.0 \
    PORT=8080

WORKDIR /app

COPY requirements.lock ./
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.lock

# data/ is the only place the shop writes to: the SQLite file and the secret key.
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin keystall \
    && install -d -o keystall -g keystall -m 0700 data
VOLUME /app/data

COPY pyproject.toml LICENSE ./
COPY domain/ domain/
COPY storage/ storage/
COPY payments/ payments/
COPY handlers/ handlers/
COPY bot/ bot/

USER keystall
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/healthz', timeout=4)"]
CMD ["python", "-m", "bot", "run"]

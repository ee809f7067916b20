#!/usr/bin/env bash
# Installs what the benchmark compares with, into an ignored folder. Without it those rows are left out.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p .cache/peers
npm install --prefix .cache/peers --no-save --loglevel=error aws-crt@1.33.2 mqtt@5.16.0
python3 -m venv .cache/peers/python
.cache/peers/python/bin/pip install --quiet 'boto3-refresh-session[iot]==10.0.7' 'awscrt==0.36.1'

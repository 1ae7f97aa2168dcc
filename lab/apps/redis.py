# SPDX-License-Identifier: GPL-2.0-or-later
"""Redis: 200,000 values of 1 KiB. One question in five writes one that expires after 2 min.

Once a minute it forks and writes all it has to a file: memory that both have is written to twice
then, and the file's pages are cache that nobody reads.
"""
from lab.apps.app import App, Ask

KEYS = 200_000
CONF = """
port 0
unixsocket /run/redis.sock
dir /srv/redis
save 60 1000
loglevel warning
"""
FILL = f"""
mkdir -p /srv/redis
cat >/srv/redis.conf <<END{CONF}END
redis-server /srv/redis.conf --save '' --enable-debug-command yes --daemonize yes >/dev/null
until redis-cli -s /run/redis.sock ping >/dev/null 2>&1; do sleep 0.1; done
redis-cli -s /run/redis.sock debug populate {KEYS} key 1024 >/dev/null
redis-cli -s /run/redis.sock save >/dev/null
redis-cli -s /run/redis.sock shutdown nosave
"""
START = """
echo 1 >/proc/sys/vm/overcommit_memory
systemd-run -q --unit=lab-redis -p OOMScoreAdjust=-900 redis-server /srv/redis.conf
until [ "$(redis-cli -s /run/redis.sock ping 2>/dev/null)" = PONG ]; do sleep 0.2; done
"""
REDIS = App(
    name="redis",
    title=f"Redis, {KEYS} values of 1 KiB, with expiry and a rewrite a minute",
    packages=("redis-server",),
    fill=FILL,
    start=START,
    asks=(Ask(f"/srv/bin/ask redis /run/redis.sock {KEYS} 0"),),
)

# SPDX-License-Identifier: GPL-2.0-or-later
"""nginx before a tree of files, as a quiet site: 50 questions a second at most.

The same in a container: a memory limit of its own, far below what its files need. Its cgroup
reclaims all the time, while the guest has memory to spare.
"""
from dataclasses import replace

from lab.apps.app import App, Ask

FILES, FILE_KIB = 4000, 100
LIMIT_MIB = 96
CONF = """
user root;
daemon off;
worker_processes 1;
pid /run/nginx.pid;
error_log stderr;
events {}
http {
	access_log off;
	sendfile on;
	keepalive_requests 1000000;
	server { listen unix:/run/nginx.sock; root /srv/tree; }
}
"""
FILL = f"""
mkdir -p /srv/tree
cat >/srv/nginx.conf <<END{CONF}END
cd /srv/tree
head -c {FILES * FILE_KIB}K /dev/urandom | split -b {FILE_KIB}K -a 5 -d -
for file in x*; do mv "$file" "${{file#x}}"; done
"""


def _start(properties: str = "") -> str:
    return f"""
systemd-run -q --unit=lab-nginx {properties} nginx -c /srv/nginx.conf
until test -S /run/nginx.sock; do sleep 0.2; done
"""


NGINX = App(
    name="nginx",
    title=f"nginx, {FILES} files of {FILE_KIB} KiB, at most 50 questions a second",
    packages=("nginx",),
    fill=FILL,
    start=_start("-p OOMScoreAdjust=-900"),
    asks=(Ask(f"/srv/bin/ask http /run/nginx.sock {FILES} 20000"),),
)
CONTAINER = replace(
    NGINX,
    name="container",
    title=f"nginx in a container with {LIMIT_MIB} MiB, for files of {FILES * FILE_KIB // 1024}",
    start=_start(f"-p MemoryMax={LIMIT_MIB}M"),
    asks=(Ask(f"/srv/bin/ask http /run/nginx.sock {FILES} 5000"),),
)

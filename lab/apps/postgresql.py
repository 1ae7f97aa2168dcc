# SPDX-License-Identifier: GPL-2.0-or-later
"""PostgreSQL: a pgbench database of 600 MiB, far larger than the server's own buffers.

What the server reads lies in the guest's page cache, as its makers recommend: a controller that
takes page cache for unused takes the database.
"""
from lab.apps.app import App, Ask

SCALE = 40  # about 15 MiB each

FILL = f"""
bin=$(echo /usr/lib/postgresql/*/bin)
install -d -o postgres -g postgres /srv/db /run/postgresql
as() {{ setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }}
as "$bin/initdb" --auth=trust --encoding=UTF8 --no-locale --no-sync -D /srv/db >/dev/null
cat >>/srv/db/postgresql.conf <<-END
	listen_addresses = ''
	unix_socket_directories = '/run/postgresql'
	max_wal_size = 256MB
END
as "$bin/pg_ctl" -D /srv/db -o '-c fsync=off -c max_wal_size=64MB' -w -l /tmp/log start >/dev/null
as "$bin/pgbench" -h /run/postgresql -i -q -s {SCALE} postgres 2>/dev/null
as "$bin/psql" -h /run/postgresql -qc 'vacuum freeze' postgres
as "$bin/pg_ctl" -D /srv/db -w stop >/dev/null
cat >/srv/load <<-END
	#!/bin/sh
	# reads the whole database once, then prints a line for each transaction
	test -e /tmp/read || cat /srv/db/base/*/* >/dev/null
	touch /tmp/read
	rm -f /tmp/pgbench.*
	mkfifo /tmp/pgbench.\\$\\$
	cat /tmp/pgbench.\\$\\$ &
	exec $bin/pgbench -h /run/postgresql -n -c 4 -T 86400 -l --log-prefix=/tmp/pgbench \\\\
		postgres >/dev/null
END
chmod 755 /srv/load
"""

START = """
install -d -o postgres -g postgres /run/postgresql
bin=$(echo /usr/lib/postgresql/*/bin)
systemd-run -q --unit=lab-postgresql -p User=postgres -p OOMScoreAdjust=-900 \\
	"$bin/postgres" -D /srv/db
until "$bin/pg_isready" -q -h /run/postgresql; do sleep 0.2; done
"""

POSTGRESQL = App(
    name="postgresql",
    title=f"PostgreSQL, pgbench with 4 clients, a database of {15 * SCALE} MiB",
    packages=("postgresql",),
    fill=FILL,
    start=START,
    asks=(Ask("/usr/bin/setpriv --reuid=postgres --regid=postgres --init-groups /srv/load",
              latency_column=3, second_column=5),),
)

"""A real MySQL behind every cluster of Aurora MySQL."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from local_aurora.access import Login, ServerAddress
from local_aurora.engine import ServerFace
from local_aurora.engines.account import choose_account
from local_aurora.engines.mysql import statements as sql
from local_aurora.engines.mysql.admin import connection, run_statements
from local_aurora.engines.mysql.fetch import find_or_fetch
from local_aurora.engines.mysql.install import Installation, PlacedServer, at_hand, placed
from local_aurora.engines.mysql.running import KIND, initialize
from local_aurora.engines.mysql.settings import server_options
from local_aurora.engines.on_disk import EngineOnDisk
from local_aurora.engines.process import HOST
from local_aurora.engines.storage import About
from local_aurora.engines.tls import TlsFiles

HOME = "mysql"
_log = logging.getLogger(__name__)


class MysqlEngine(EngineOnDisk):
    """Everything lies under `directory`/mysql. `find` gives the server, at the first need: it may be fetched then.

    There is one version for all clusters, whatever EngineVersion says; data that an older one made is upgraded by the
    server when it starts. A token of IAM cannot be checked here: the server knows no `AWSAuthenticationPlugin`, and
    says so with the error that Aurora has where IAM authentication is off (1524).

    Raises:
        EngineBusy: another process uses the directory.
    """

    def __init__(
        self,
        directory: Path,
        authority: TlsFiles | None = None,
        find: Callable[[], Installation] = find_or_fetch,
    ) -> None:
        super().__init__(directory.resolve() / HOME, KIND, choose_account(), authority)
        self._find = find
        self._server: PlacedServer | None = None
        self._finding = threading.Lock()

    def versions_at_hand(self) -> tuple[str, ...]:
        """The version of MySQL that clusters have; none where there is none yet."""
        found = self._server.installation if self._server else at_hand()
        return (found.version,) if found else ()

    def server_versions(self) -> dict[str, str]:
        """The version of the MySQL behind each cluster, by the cluster's id."""
        shown = next(iter(self.versions_at_hand()), "none is at hand")
        return dict.fromkeys(self.cluster_ids(), shown)

    def prepare(self) -> None:
        """Make what a new cluster begins as, so that the first one need not wait for it."""
        self._template()

    def _placed(self) -> PlacedServer:
        """The server. Raises EngineError: there is none, and none can be fetched."""
        with self._finding:
            if self._server is None:
                self._server = placed(self._find(), self._storage.home, self._account)
            return self._server

    def _make_data(
        self, work: Path, cluster_id: str, master: Login, database_name: str | None, major: int | None
    ) -> None:
        installation = self._placed().installation
        if major not in (None, installation.number[0]):
            said = "MySQL %s is not at hand: the cluster %s gets %s"
            _log.info(said, major, cluster_id, installation.version)
        self._storage.copy_data(self._template(), work)
        self._run_once(work, sql.master_statements(master, database_name, installation.number))

    def _template(self) -> Path:
        """What new clusters are copied from, made at the first need."""
        server = self._placed()
        template = self._storage.template(server.installation.version)
        with self._held(template.name):
            if not template.is_dir():
                with self._storage.making_at(template) as work:
                    self._storage.write_about(work, About("template", self._admin.username))
                    made = sql.administrator_statements(server.installation.kind, self._admin)
                    initialize(server, work / "data", self._account, made)
                    self._run_once(work, sql.aurora_statements(server.installation.number))
        return template

    def _start(self, directory: Path, key: str, port: int, face: ServerFace | None) -> None:
        server, data = self._placed(), directory / "data"
        certificates = self._tls.directory if face is None else directory
        parameters: dict[str, str | None] = {
            f"loose-{name.replace('_', '-')}": value for name, value in (face.parameters if face else ())
        }
        options = {
            **parameters,
            "plugin-load-add": "mysql_clone.so",
            "port": str(port),
            "ssl-ca": server.seen(self._tls.ca_bundle),
            "ssl-cert": server.seen(certificates / "server.pem"),
            "ssl-key": server.seen(certificates / "server.key"),
            # Aurora says it in @@aurora_server_id, which no other server has.
            "report-host": face.instance_identifier if face else "",
        }
        command = server.command(server_options(server.installation.kind, server.seen(data), options))
        self._pool.start(key, command, data, directory / "mysql.log", port)

    def _administer(self, port: int, statements: Iterable[str]) -> None:
        with connection(ServerAddress(HOST, port), self._admin, None, self.ca_bundle_path) as session:
            run_statements(session, statements)

    def _back_up(self, source: Path, port: int, work: Path) -> None:
        """By MySQL's own clone, whose state is that of its end. The server writes it, so the place belongs to it."""
        place = work / "clone"
        place.mkdir(mode=0o700)
        self._account.own(place)
        target = sql.literal(self._placed().seen(place / "data"))
        self._administer(port, [f"CLONE LOCAL DATA DIRECTORY = {target}"])
        self._storage.copy_content_id(source, place)
        self._storage.pack_data(place, work)
        shutil.rmtree(place)

    def _master_password_statements(self, _: Path, master: Login) -> Iterable[str]:
        return sql.master_password_statements(master, self._placed().installation.number)

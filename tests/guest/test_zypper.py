"""zypper itself, in a guest that is EL otherwise: database and repositories are of the same kind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from builder.errors import CommandError
from builder.guest import packages
from builder.guest.guest import Guest
from builder.guest.packages.zypper import Zypper
from builder.inputs import RecipeContext
from builder.steps import Step
from builder.steps.install import Install
from builder.steps.repo import Repo
from builder.steps.uninstall import Uninstall
from builder.steps.update import Update
from tests.guests import ElGuest
from tests.servers import http_server

pytestmark = pytest.mark.slow


def wrong(step: Step, guest: Guest) -> list[str]:
    return [finding.message for finding in step.check(guest) if not finding.ok]


def test_zypper(centos7_guest: Guest, centos7: ElGuest) -> None:
    guest = centos7_guest
    guest.info = replace(guest.info, distribution="opensuse", major=15, minor=5, package_manager="zypper")
    manager = packages.of(guest)
    assert isinstance(manager, Zypper)
    place = RecipeContext(centos7.folder)
    with http_server(centos7.folder) as server:
        url = f"{server.url}/repository"
        # By default zypper wants the index signed, too, by a key that it knows.
        for unknown in (url, f"{server.url}/unsigned"):
            with pytest.raises(CommandError, match="Signature verification failed for repomd"):
                Repo.model_validate({"id": "local", "baseurl": unknown}, context=place).apply(guest)
        step = Repo.model_validate({"id": "local", "baseurl": url, "key": "key"}, context=place)
        step.apply(guest)
        assert wrong(step, guest) == []
        assert "autorefresh=1" in guest.read("/etc/zypp/repos.d/local.repo").splitlines()
        assert [*guest.take_observations()] == [f"{url}/repodata/repomd.xml"]

        install = Install(packages=["lftp", "lrzsz"])
        assert wrong(install, guest) == ["lftp is not installed", "lrzsz is not installed"]
        install.apply(guest)
        assert wrong(install, guest) == []
        assert guest.query("lftp") == "LFTP 4.4.8"
        Update(everything=True).apply(guest)
        assert wrong(Update(everything=True), guest) == []
        assert guest.read("/usr/share/hwdata/usb.ids") == "# 0.379\n"
        with pytest.raises(CommandError, match="no-such-package"):
            Install(packages=["no-such-package"]).apply(guest)

        gone = Uninstall(packages=["NetworkManager*", "firewalld*"])
        assert wrong(gone, guest) != []
        gone.apply(guest)
        assert wrong(gone, guest) == []
        assert {"hwdata", "lftp"} <= {package.name for package in manager.installed()}

"""The demo's inventory: what a user would write, with the addresses of this one machine."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.demo.database import DATABASE, OWNER, Cluster
from runner.demo.place import NEW, OLD
from runner.demo.service import FOLDERS
from runner.demo.ssh import SshServer
from runner.demo.store import BUCKET, REGION, Store
from runner.frozen import frozen


@frozen
class Setting:
    """Where everything is. `account` is whom tasks become on the hosts, None to stay who logs in."""

    folder: Path
    account: str | None
    ssh: SshServer
    store: Store
    clusters: Mapping[str, Cluster]
    root: Path
    health_url: str


def secrets(setting: Setting) -> dict[str, str]:
    """What the inventory looks up in the controller's environment."""
    passwords = {f"{name.upper()}_DB_PASSWORD": cluster.password for name, cluster in setting.clusters.items()}
    store = setting.store
    return {
        **passwords,
        "BACKUP_ACCESS_KEY_ID": store.access_key_id,
        "BACKUP_SECRET_ACCESS_KEY": store.secret_access_key,
    }


def inventory(setting: Setting) -> dict[str, Any]:
    """The document; it holds no secret."""
    return {
        "all": {
            "vars": {"repositories": {"offsite": _bucket(setting)}},
            "children": {
                "sentrascan": {
                    "vars": _service(setting),
                    "children": {
                        "service": {"hosts": {"app1": _host(setting, "app1", OLD)}},
                        "recovery": {"hosts": {"app2": _host(setting, "app2", NEW)}},
                    },
                }
            },
        }
    }


def _bucket(setting: Setting) -> dict[str, Any]:
    return {
        "type": "s3",
        "bucket": BUCKET,
        "endpoint": setting.store.endpoint,
        "region": REGION,
        "addressing": "path",
        "access_key_id": "{{ lookup('env', 'BACKUP_ACCESS_KEY_ID') }}",
        "secret_access_key": "{{ lookup('env', 'BACKUP_SECRET_ACCESS_KEY') }}",
    }


def _service(setting: Setting) -> dict[str, Any]:
    return {
        # Its own name: what has one name keeps other runs off, and somebody else may be watching a demo here.
        "service": f"sentrascan-{setting.ssh.port}",
        "repository": "offsite",
        "database": DATABASE,
        "database_assertions": [{"name": "there are scans", "query": "SELECT count(*) > 0 FROM scans"}],
        "service_paths": [str(setting.root / name) for name in (*FOLDERS, ".env")],
        "health_url": setting.health_url,
    }


def _host(setting: Setting, name: str, address: str) -> dict[str, Any]:
    cluster, ssh = setting.clusters[name], setting.ssh
    become = {"ansible_become": True, "ansible_become_user": setting.account} if setting.account else {}
    return {
        "ansible_host": address,
        "ansible_port": ssh.port,
        "ansible_user": ssh.user,
        "ansible_ssh_private_key_file": str(ssh.client_key),
        "host_key": ssh.host_key,
        "ssh_config_file": "/dev/null",
        **become,
        "database_server": {
            "host": str(cluster.sockets),
            "port": cluster.port,
            "user": OWNER,
            "password": f"{{{{ lookup('env', '{name.upper()}_DB_PASSWORD') }}}}",
            "programs": str(cluster.programs),
        },
    }

"""JupyterHub for one course with several graders. Its settings are in course.toml, beside it."""

import grp
import os
import pwd
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

c = get_config()  # noqa: F821 (JupyterHub provides it)

HERE = Path(__file__).resolve().parent
PROXY = HERE / "node_modules" / ".bin" / "configurable-http-proxy"
try:
    course = tomllib.loads((HERE / "course.toml").read_text())
    name, folder, exchange = course["course"], Path(course["folder"]), Path(course["exchange"])
    grader, instructors, students = course["grader"], course["instructors"], course["students"]
    address, state = course["hub"]["address"], Path(course["hub"]["state"])
    proxy_port, hub_port, graders_port = course["hub"]["inside"]
except KeyError as error:
    sys.exit(f"course.toml: the setting {error} is missing")
except (ValueError, TypeError) as error:
    sys.exit(f"course.toml: {error}")


def exists(find: Callable, name: str) -> bool:
    """Say whether an account or a group is known to this machine, by a file or a directory."""
    try:
        find(name)
    except KeyError:
        return False
    return True


needed = {f"account '{who}'": exists(pwd.getpwnam, who) for who in (grader, *instructors)}
needed |= {f"group '{students}'": exists(grp.getgrnam, students)}
needed |= {str(path): path.exists() for path in (folder / ".venv", exchange, state, PROXY)}
if missing := [what for what, there in needed.items() if not there]:
    sys.exit(f"course.toml names what this machine lacks: {', '.join(missing)}")

c.JupyterHub.bind_url = address
c.JupyterHub.hub_port = hub_port
c.JupyterHub.db_url = f"sqlite:///{state / 'hub.sqlite'}"
c.JupyterHub.cookie_secret_file = str(state / "cookie_secret")
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{proxy_port}"
c.ConfigurableHTTPProxy.pid_file = str(state / "proxy.pid")
c.ConfigurableHTTPProxy.command = [str(PROXY)]

# People log in with their accounts on this machine, so that a file in the exchange belongs to
# whoever handed it in, and nobody can hand in for another.
c.JupyterHub.authenticator_class = "pam"
c.PAMAuthenticator.open_sessions = False
c.Authenticator.allowed_users = set(instructors)
c.LocalAuthenticator.allowed_groups = {students}
c.Authenticator.allow_existing_users = False

# Students' servers come from the environment that the hub runs in. It holds the student's kit and
# no answer. What nobody uses for an hour ends: kernels, terminals, then the server. Files stay.
c.Spawner.cmd = [str(Path(sys.prefix) / "bin" / "jupyterhub-singleuser")]
c.Spawner.args = [
    "--MappingKernelManager.cull_idle_timeout=3600",
    "--MappingKernelManager.cull_connected=True",
    "--TerminalManager.cull_inactive_timeout=3600",
    "--ServerApp.shutdown_no_activity_timeout=3600",
]
c.Spawner.environment = {"JUPYTER_CONFIG_PATH": os.pathsep.join([str(HERE / "student"), str(HERE)])}

# Graders share one server with the formgrader. It runs in the course's own environment, as the
# grader's account; nbgrader asks that it have the course's name. A role's list of users is exact:
# who is taken out of course.toml loses it when the hub starts again, which is not so for groups.
c.JupyterHub.load_roles = [
    {
        "name": f"{name}-grader",
        "users": instructors,
        "scopes": [f"access:services!service={name}", f"read:services!service={name}"],
    }
]
c.JupyterHub.services = [
    {
        "name": name,
        "url": f"http://127.0.0.1:{graders_port}",
        "user": grader,
        "cwd": str(folder),
        "command": [
            str(folder / ".venv" / "bin" / "jupyterhub-singleuser"),
            f"--ServerApp.root_dir={folder}",
        ],
        "environment": {
            "JUPYTERHUB_DEFAULT_URL": "/formgrader",
            "JUPYTER_CONFIG_PATH": str(HERE),
        },
        "oauth_no_confirm": True,
    }
]

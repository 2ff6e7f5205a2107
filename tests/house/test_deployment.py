"""What stands in `Dockerfile` and `deploy/` is true: options exist, nobody is root, probes ask what is there."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest
import typer
import yaml
from house_sources import ROOT, pyproject

from facetwise.cli import app

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
KUBERNETES = list(yaml.safe_load_all((ROOT / "deploy" / "kubernetes.yaml").read_text(encoding="utf-8")))
USER = "10001"


def _lists_of(word: str) -> list[Any]:
    return [json.loads(found) for found in re.findall(rf"^{word} (\[.*\])$", DOCKERFILE, flags=re.MULTILINE)]


def _container() -> dict[str, Any]:
    [own] = KUBERNETES[0]["spec"]["template"]["spec"]["containers"]
    return own


COMMANDS = {
    "Dockerfile": _lists_of("CMD")[-1],
    "compose.yaml": COMPOSE["services"]["facetwise"]["command"],
    "kubernetes.yaml": _container()["args"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_options_exist_and_a_token_is_asked_for(name: str) -> None:
    serve = typer.main.get_command(app).commands["serve"]
    known = {option for parameter in serve.params for option in parameter.opts}
    words = COMMANDS[name]
    options = [word for word in words if word.startswith("--")]
    assert set(options) <= known
    assert {"--token-file", "--token-env"} & set(options)
    assert "--insecure" not in options
    assert _lists_of("ENTRYPOINT") == [["facetwise", "serve"]]
    made = serve.make_context("serve", list(words), resilient_parsing=True)
    assert (made.params["host"], made.params["port"]) == ("0.0.0.0", 8000)  # noqa: S104


def test_nobody_is_root_and_nothing_is_written() -> None:
    assert re.findall(r"^USER (.*)$", DOCKERFILE, flags=re.MULTILINE) == [f"{USER}:{USER}"]
    assert DOCKERFILE.index("\nUSER ") < DOCKERFILE.index("\nENTRYPOINT ")
    service = COMPOSE["services"]["facetwise"]
    assert service["user"] == f"{USER}:{USER}"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    pod, own = KUBERNETES[0]["spec"]["template"]["spec"], _container()["securityContext"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert str(pod["securityContext"]["runAsUser"]) == USER
    assert pod["automountServiceAccountToken"] is False
    assert own == {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}


def test_probes_and_ports_are_there() -> None:
    own = _container()
    assert own["readinessProbe"]["httpGet"]["path"] == own["startupProbe"]["httpGet"]["path"] == "/readyz"
    assert own["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert "/readyz" in DOCKERFILE
    [port] = own["ports"]
    service = KUBERNETES[1]["spec"]
    assert service["ports"][0]["targetPort"] == port["name"]
    assert service["selector"] == KUBERNETES[0]["spec"]["template"]["metadata"]["labels"]
    assert KUBERNETES[0]["spec"]["selector"]["matchLabels"] == service["selector"]
    volumes = {each["name"] for each in KUBERNETES[0]["spec"]["template"]["spec"]["volumes"]}
    assert {each["name"] for each in own["volumeMounts"]} == volumes


def test_there_is_time_to_answer_what_was_accepted() -> None:
    from facetwise.serving import Limits

    drain = Limits().drain
    pause = int(_container()["lifecycle"]["preStop"]["exec"]["command"][1])
    assert KUBERNETES[0]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] > drain + pause
    assert int(COMPOSE["services"]["facetwise"]["stop_grace_period"].rstrip("s")) > drain


def test_the_image_holds_what_the_server_imports() -> None:
    """Every foreign module that serving loads is installed, and none of the heavy ones is needed."""
    code = (
        "import json, sys\nimport facetwise.cli._serve, facetwise.serving, facetwise.runtime, onnxruntime, multipart\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(outcome.stdout.splitlines()[-1]))
    assert not loaded & {
        "torch",
        "torchvision",
        "timm",
        "polars",
        "pyarrow",
        "pandas",
        "onnx",
        "safetensors",
        "sklearn",
    }
    [names] = re.findall(r"--constraint constraints\.txt\s+([a-z \-]+?)\s+&&", DOCKERFILE)
    installed = set(names.split())
    declared = {re.split(r"[><=\[ ]", one)[0].lower() for one in pyproject()["project"]["dependencies"]}
    extra = {"fastapi", "uvicorn", "python-multipart", "starlette"}
    assert installed <= declared | extra
    assert extra <= installed
    modules = {"pillow": "PIL", "pyyaml": "yaml", "python-multipart": "python_multipart"}
    own = {modules.get(name, name) for name in declared | extra}
    assert {name for name in own if name in loaded} <= {modules.get(name, name) for name in installed}

"""The app behind the proxy of docs/deployment.md: every page works under its headers, and nobody gets in
without the login.
"""

from __future__ import annotations

import datetime
import os
import re
import shutil
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import media_factory as make
import pytest
from browser.ports import free_port
from browser.rest import wait_until_at_rest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

pytestmark = [pytest.mark.browser, pytest.mark.long, pytest.mark.xdist_group("proxy")]

ROOT = Path(__file__).resolve().parent.parent.parent
NAME = "emotions.example"
LOGIN = {"username": "reader", "password": "secret"}
PAGES = ("", "live", "results", "ablation", "train", "about")
HEADERS = ("Content-Security-Policy", "X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy")


def write_certificate(folder: Path) -> None:
    """A certificate that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    own = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key").write_bytes(own)


def configuration(folder: Path, port: int, app: str) -> str:
    """The documented one, with files, the port and the app of this test."""
    (documented,) = re.findall(
        r"```nginx\n(.*?)```", (ROOT / "docs" / "deployment.md").read_text("utf-8"), re.S
    )
    for old, new in {
        "listen 443 ssl": f"listen 127.0.0.1:{port} ssl",
        "/etc/ssl/emotions.example.pem": str(folder / "pem"),
        "/etc/ssl/emotions.example.key": str(folder / "key"),
        "/etc/nginx/users": str(folder / "users"),
        "http://127.0.0.1:8501": app,
        f"wss://{NAME}": f"wss://{NAME}:{port}",
    }.items():
        assert old in documented, old
        documented = documented.replace(old, new)
    kept = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""  # its workers write into the folder of this test
    process = f"{user} daemon off; pid {folder}/pid; error_log {folder}/log; events {{}}"
    return f"{process} http {{ {kept} {documented} }}"


@pytest.fixture(scope="module")
def app(start_app) -> str:
    return start_app(STREAMLIT_BROWSER_SERVER_ADDRESS=NAME)


@pytest.fixture(scope="module")
def proxy(app, tmp_path_factory) -> Iterator[str]:
    """The address of the proxy."""
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        message = "no nginx found: install the package nginx-light"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(message)
        pytest.skip(message)
    folder = tmp_path_factory.mktemp("proxy")
    write_certificate(folder)
    (folder / "users").write_text(f"{LOGIN['username']}:{{PLAIN}}{LOGIN['password']}\n")
    port = free_port()
    (folder / "conf").write_text(configuration(folder, port, app))
    process = subprocess.Popen(
        [nginx, "-p", str(folder), "-c", str(folder / "conf")], stderr=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            assert process.poll() is None, process.stderr.read()
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        yield f"https://{NAME}:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def page(browser, chromium_path, proxy):
    """A page of a browser that knows the proxy's name; what it complains about is in `page.complaints`."""
    running = browser.browser_type.launch(
        executable_path=chromium_path, args=["--no-sandbox", f"--host-resolver-rules=MAP {NAME} 127.0.0.1"]
    )
    context = running.new_context(
        ignore_https_errors=True, http_credentials=LOGIN, viewport={"width": 1280, "height": 900}
    )
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.complaints = []
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.on("console", lambda m: page.complaints.append(m.text) if m.type == "error" else None)
    yield page
    running.close()


def complaints(page) -> list[str]:
    """What the browser complained about, but for the address that Streamlit tries in vain on a deep link."""
    return [text for text in page.complaints if "status of 404" not in text]


def test_nobody_gets_in_without_the_login_and_the_headers_are_set(proxy):
    request = urllib.request.Request(proxy.replace(NAME, "127.0.0.1"), headers={"Host": NAME})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, context=ssl._create_unverified_context(), timeout=20)
    assert refused.value.code == 401
    assert all(refused.value.headers[name] for name in HEADERS)
    assert "nginx/" not in refused.value.headers["Server"]


@pytest.mark.parametrize("name", PAGES)
def test_every_page_works_under_the_headers(page, proxy, name):
    page.complaints.clear()
    page.goto(f"{proxy}/{name}")
    page.get_by_role("heading", level=1).wait_for()
    page.get_by_text("The model is loading").wait_for(state="detached")
    wait_until_at_rest(page)
    assert page.get_by_test_id("stException").count() == 0
    assert complaints(page) == []


def test_a_clip_goes_up_and_its_answer_comes_back(page, proxy, tmp_path):
    page.complaints.clear()
    page.goto(proxy)
    page.get_by_text("The model is loading").wait_for(state="detached")
    wait_until_at_rest(page)
    make.write_video(tmp_path / "clip.mp4", seconds=1.0)
    page.locator("input[type=file]").first.set_input_files(tmp_path / "clip.mp4")
    page.locator(".mmer-answer").wait_for()
    page.locator("video").first.wait_for()
    page.wait_for_function("document.querySelector('video').readyState >= 1")
    assert complaints(page) == []


def test_visitors_through_the_proxy_are_not_trusted(page, proxy):
    page.goto(f"{proxy}/train")
    page.get_by_role("heading", level=1).wait_for()
    wait_until_at_rest(page)
    assert page.get_by_text("MMER_TRUST_VISITORS").count() > 0

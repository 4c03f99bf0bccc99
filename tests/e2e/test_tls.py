"""TLS between the simulator and the bridge: what is let in, and what is said of what is not."""

import ssl
import subprocess
from pathlib import Path

import pytest

from ledger import CONNECTED, link_of
from topics import TOPICS
from wire import numbered

#: Made by the `make` beside them.
CERTIFICATES = Path(__file__).parents[1] / "certificates"

SCENE = ("--scene", "street", "--points", 2000, "--rate", 20)


class Secured:
    """A simulator with TLS, and a bridge that is told how to reach it."""

    def __init__(self, rig, *args, host="127.0.0.1", **parameters):
        self.rig = rig
        self.folder = rig.folder / "tls"
        self.sim = rig.sim(*SCENE, "--tls", self.folder, *args)
        self.ca_file = self.folder / "sensr-ca.crt"
        self.observer = rig.observer()
        self.statistics = rig.statistics(self.observer)
        known = TOPICS["objects"]
        self.clouds = self.observer.clouds(keep=lambda cloud: cloud.width)
        self.objects = self.observer.subscribe("objects", known.kind, known.subscription(), keep=lambda _: True)
        self.parameters = rig.parameters(self.observer)
        given = {"host": host, "tls.enabled": True, "tls.ca_file": str(self.ca_file)} | parameters
        self.bridge = rig.bridge(self.sim.points_port, given, output_port=self.sim.output_port)
        self.observer.wait_for_match(self.statistics.inbox, self.clouds, self.objects)

    def require_flow(self):
        """Data come on both links."""
        for inbox in (self.clouds, self.objects):
            inbox.wait(inbox.count + 3)

    def require_refused(self, *words):
        """Neither link comes up, and both say why in one line."""
        for name in ("points", "output"):
            link = self.statistics.until_link(
                lambda link: all(word in link.last_error for word in words), f"{words}", name
            )
            assert (link.connects, link.frames) == (0, 0)
        lines = [line for line in self.bridge.log.splitlines() if all(word in line for word in words)]
        assert lines, self.bridge.tail()


def test_both_streams_come_through(rig):
    site = Secured(rig)
    site.require_flow()
    for name in ("points", "output"):
        link = site.statistics.until_state(CONNECTED, name)
        assert link.url == f"wss://127.0.0.1:{getattr(site.sim, name + '_port')}/"
    assert "tls.verify_name" not in site.bridge.log


def test_by_name(rig):
    Secured(rig, host="localhost").require_flow()


def test_an_expired_certificate(rig):
    site = Secured(rig, "--tls-expired")
    site.require_refused("expired (", "renew it")
    # The chain is verified whatever is said of the name.
    site.parameters.set({"tls.verify_name": False})
    site.require_refused("expired (")


def test_another_authority(rig):
    site = Secured(rig)
    other = rig.folder / "other"
    rig.sim("--tls", other)
    site.parameters.set({"tls.verify_name": False, "tls.ca_file": str(other / "sensr-ca.crt")})
    line = site.bridge.expect(r"WARN.*the server's certificate is (?:not )?signed by .*tls.ca_file.*")[0]
    assert str(other) in line and "sensr-ca.crt" in line
    site.parameters.set({"tls.ca_file": str(site.ca_file)})
    site.require_flow()


def test_another_name(rig):
    site = Secured(rig, "--tls-name", "sensr.vendor.example")
    site.require_refused("not for 127.0.0.1, but for sensr.vendor.example", "tls.server_name", "tls.verify_name")
    site.parameters.set({"tls.server_name": "sensr.vendor.example"})
    site.require_flow()
    assert "its name was not verified" not in site.bridge.log


def test_unverified_name_is_logged(rig):
    site = Secured(rig, "--tls-name", "sensr.vendor.example", **{"tls.verify_name": False})
    site.require_flow()
    for name in ("points", "output"):
        site.bridge.expect(rf"WARN.*:{getattr(site.sim, name + '_port')}/: .*its name was not verified")


def test_switching_it_on_and_off_reconnects(rig):
    """A bridge that speaks TLS to nobody, or nobody's language to TLS, says what to set."""
    site = Secured(rig)
    site.require_flow()
    site.parameters.set({"tls.enabled": False})
    site.bridge.expect(r"WARN.*speaks TLS here: set tls.enabled to true")
    site.parameters.set({"tls.enabled": True})
    site.require_flow()
    plain = rig.sim(*SCENE)
    site.parameters.set({"points_port": plain.points_port})
    site.bridge.expect(r"WARN.*set tls.enabled to false")


def test_a_site_of_the_hosts_file(rig):
    """What the site says comes first, and its CA file stands beside the hosts file."""
    folder = rig.folder / "tls"
    folder.mkdir()
    (folder / "hosts.yaml").write_text("sites: {yard: {address: 127.0.0.1, tls: {ca_file: sensr-ca.crt}}}\n")
    parameters = {"hosts_file": str(folder / "hosts.yaml"), "tls.enabled": False, "tls.ca_file": ""}
    Secured(rig, host="yard", **parameters).require_flow()


@pytest.mark.parametrize("fault", ["cut both", "restart both for 0.5", "stall both for 0.5", "fragmented both for 1"])
def test_faults_over_tls(rig, fault):
    site = Secured(rig, "--fault", f"at 1 {fault}")
    site.require_flow()
    site.sim.until(lambda: len(site.sim.events("recovered")) >= 1, "the end of the fault")
    site.require_flow()
    assert link_of(site.statistics.after(), "output").undecodable_frames == 0


def openssl_server(certificate, key, least=None, most=None, ciphers="DEFAULT@SECLEVEL=0", client_ca=None):
    """A server's side of TLS as OpenSSL has it, which takes what is too weak for rustls."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(ciphers)
    context.minimum_version = least or ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = most or ssl.TLSVersion.MAXIMUM_SUPPORTED
    context.load_cert_chain(CERTIFICATES / certificate, CERTIFICATES / key)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(CERTIFICATES / client_ca)
    return context


V11, V12, V13 = ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
REFUSED = {
    "rsa1024": (("rsa1024.pem", "rsa1024.key"), {}, "RSA key of 1024 bits: reissue it"),
    "sha1": (("sha1.pem", "good.key"), {}, "which can be forged: reissue it with SHA-256"),
    "version1": (("version1.pem", "good.key"), {}, "version 1: reissue it as version 3"),
    "cbc": (("good.pem", "good.key"), {"most": V12, "ciphers": "ECDHE-RSA-AES128-SHA256"}, "no TLS cipher suite in common"),
    "rsa_key_exchange": (("good.pem", "good.key"), {"most": V12, "ciphers": "AES128-GCM-SHA256"}, "no TLS cipher suite"),
    "old": (("good.pem", "good.key"), {"most": V11}, "TLS 1.1 or older only"),
    "client12": (("good.pem", "good.key"), {"most": V12, "client_ca": "good-ca.pem"}, "asks for a client certificate"),
    "client13": (("good.pem", "good.key"), {"least": V13, "client_ca": "good-ca.pem"}, "asks for a client certificate"),
}


def openssl_site(rig, tls, ca_file=CERTIFICATES / "good-ca.pem"):
    """A bridge on a scripted server with OpenSSL."""
    server, observer = rig.server(tls=tls), rig.observer()
    statistics, clouds = rig.statistics(observer), observer.clouds()
    rig.bridge(server.port, {"tls.enabled": True, "tls.ca_file": str(ca_file)})
    observer.wait_for_match(statistics.inbox, clouds)
    return server, statistics, clouds


@pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning")
@pytest.mark.parametrize("case", REFUSED)
def test_what_openssl_allows_and_we_do_not_is_told_in_a_line(rig, case):
    (certificate, key), options, words = REFUSED[case]
    _, statistics, _ = openssl_site(rig, openssl_server(certificate, key, **options))
    error = statistics.until_link(lambda link: words in link.last_error, words).last_error
    assert "\n" not in error and len(error) < 500, error


@pytest.mark.parametrize("version", [V12, V13], ids=["TLS1.2", "TLS1.3"])
def test_a_server_with_openssl(rig, version):
    server, _, clouds = openssl_site(rig, openssl_server("good.pem", "good.key", least=version, most=version))
    server.client().send(numbered(1))
    clouds.wait(1)


def test_the_certificate_that_openssl_req_makes_is_its_own_ca_file(rig):
    """`openssl req -x509` makes a certificate of a CA, and people take it for server and client alike."""
    own, key = rig.folder / "own.pem", rig.folder / "own.key"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {key} -out {own} -subj /CN=sensr"
    try:
        subprocess.run([*command.split(), "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    server, _, clouds = openssl_site(rig, openssl_server(own, key), own)
    server.client().send(numbered(1))
    clouds.wait(1)

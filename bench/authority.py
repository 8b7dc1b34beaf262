"""A certificate authority for one run.

As with AWS, keys are RSA, and one authority stands between the root and the server.
"""

import datetime
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

# Where systems keep the roots they trust: Debian, then Amazon Linux, then macOS.
ROOTS = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem"]


def write(folder):
    """Writes the server's chain and key, the root, and the system's roots with it.

    The functions then read as many roots as on Lambda.
    """
    root = Signer("bench root", None)
    between = Signer("bench authority", root)
    server = Signer("localhost", between, is_server=True)
    pem = serialization.Encoding.PEM
    key = server.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    own = root.certificate.public_bytes(pem)
    chain = [signer.certificate.public_bytes(pem) for signer in (server, between)]
    (folder / "server.pem").write_bytes(b"".join([*chain, key]))
    (folder / "root.pem").write_bytes(own)
    (folder / "roots.pem").write_bytes(system_roots() + own)


def system_roots():
    for path in ROOTS:
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError:
            continue
    raise SystemExit("This system has no file of roots that bench/authority.py knows.")


def server_context(folder):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    context.set_alpn_protocols(["http/1.1"])
    return context


class Signer:
    """A key and its certificate."""

    def __init__(self, name, issuer, is_server=False):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        issuer = issuer or self
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(
            subject_name=self.name,
            issuer_name=issuer.name,
            public_key=self.key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(hours=1),
            not_valid_after=now + datetime.timedelta(days=1),
        )
        issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
        builder = builder.add_extension(issued_by, critical=False)
        builder = builder.add_extension(
            x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False
        )
        builder = builder.add_extension(x509.BasicConstraints(ca=not is_server, path_length=None), critical=True)
        if is_server:
            names = x509.SubjectAlternativeName([x509.DNSName(name)])
            builder = builder.add_extension(names, critical=False)
            usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])
            builder = builder.add_extension(usage, critical=False)
        self.certificate = builder.sign(issuer.key, hashes.SHA256())

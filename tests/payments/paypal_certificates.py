"""Certificates as PayPal's: a root, an authority below it, and the one that notices name."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

PAYPAL = "messageverificationcerts.paypal.com"
EXPIRY = datetime(2029, 1, 1, tzinfo=UTC)


@cache
def key(whose: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def root() -> x509.Certificate:
    return _authority("root", EXPIRY.replace(year=2090))


@cache
def intermediate() -> x509.Certificate:
    return _authority("intermediate", EXPIRY.replace(year=2080))


def root_pem() -> str:
    return root().public_bytes(Encoding.PEM).decode()


@cache
def leaf(
    name: str = PAYPAL,
    *,
    issuer: str = "intermediate",
    issuer_lies: str | None = None,
    elliptic: bool = False,
) -> x509.Certificate:
    """For a name, as a server's; `issuer_lies` is where it says that its issuer's is found."""
    public = ec.generate_private_key(ec.SECP256R1()).public_key() if elliptic else None
    plain: list[x509.ExtensionType] = [
        x509.SubjectAlternativeName([x509.DNSName(name)]),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
    ]
    if issuer_lies is not None:
        places = {
            AuthorityInformationAccessOID.OCSP: "http://ocsp.example",
            AuthorityInformationAccessOID.CA_ISSUERS: issuer_lies,
        }
        found = [
            x509.AccessDescription(oid, x509.UniformResourceIdentifier(place))
            for oid, place in places.items()
        ]
        plain.append(x509.AuthorityInformationAccess(found))
    return _signed(
        name,
        public or key("PayPal's").public_key(),
        issuer,
        EXPIRY,
        plain,
        [x509.BasicConstraints(ca=False, path_length=None)],
    )


def _authority(name: str, until: datetime) -> x509.Certificate:
    public = key(name).public_key()
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
    constraints = x509.BasicConstraints(ca=True, path_length=None)
    plain = [x509.SubjectKeyIdentifier.from_public_key(public)]
    return _signed(name, public, "root", until, plain, [constraints, usage])


def _signed(
    name: str,
    public: rsa.RSAPublicKey | ec.EllipticCurvePublicKey,
    issuer: str,
    until: datetime,
    plain: Sequence[x509.ExtensionType],
    critical: Sequence[x509.ExtensionType],
) -> x509.Certificate:
    by = x509.AuthorityKeyIdentifier.from_issuer_public_key(key(issuer).public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(until)
    )
    for extension in (by, *plain):
        builder = builder.add_extension(extension, critical=False)
    for extension in critical:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(key(issuer), hashes.SHA256())


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])

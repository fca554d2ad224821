"""A merchant of WeChat Pay: ids, and the keys that it, WeChat Pay and a stranger sign with."""

from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

APP_ID: Final = "wxd678efh567hg6787"
MCH_ID: Final = "1900007291"
API_V3_KEY: Final = "Zq7fT2mW9kXs4LpR8vNc3JhB6yGd1QaE"
MERCHANT_SERIAL: Final = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
PUBLIC_KEY_ID: Final = "PUB_KEY_ID_0119000072912026112000000000000001"
MERCHANT, PLATFORM, PLATFORM_BEFORE, STRANGER = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(4)
)


def private_pem(key: rsa.RSAPrivateKey) -> str:
    pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, pkcs8, plain).decode()


def public_pem(key: rsa.RSAPrivateKey) -> str:
    info = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, info).decode()


def _certificate(key: rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Tenpay.com sign")])
    start = datetime(2024, 1, 1, tzinfo=UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=5 * 365))
        .sign(key, hashes.SHA256())
    )


CERTIFICATE: Final = _certificate(PLATFORM_BEFORE)
CERTIFICATE_PEM: Final = CERTIFICATE.public_bytes(serialization.Encoding.PEM).decode()
CERTIFICATE_SERIAL: Final = f"{CERTIFICATE.serial_number:X}"

"""Checks what the program signed, by other people's code. Reads one JSON object on stdin."""
import base64
import hashlib
import json
import sys

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes

given = json.load(sys.stdin)


def encoded(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def assertion(text, algorithm, pem, audience, client):
    certificate = x509.load_pem_x509_certificate(pem.encode())
    claims = jwt.decode(text, certificate.public_key(), algorithms=[algorithm], audience=audience, issuer=client,
                        options={"require": ["aud", "exp", "iss", "jti", "nbf", "sub"]})
    assert claims["sub"] == client
    header = jwt.get_unverified_header(text)
    sent = x509.load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
    assert sent == certificate
    if algorithm == "RS256":
        assert header["x5t"] == encoded(certificate.fingerprint(hashes.SHA1()))
    else:
        assert header["x5t#S256"] == encoded(certificate.fingerprint(hashes.SHA256()))


def wrapper(text):
    unverified = jwt.decode(text, options={"verify_signature": False})
    jwk = unverified["cnf"]["jwk"]
    claims = jwt.decode(text, jwt.PyJWK(jwk).key, algorithms=["RS256"])
    members = json.dumps({name: jwk[name] for name in ("e", "kty", "n")}, separators=(",", ":"), sort_keys=True)
    thumbprint = encoded(hashlib.sha256(members.encode()).digest())
    inner = jwt.decode(claims["at"], options={"verify_signature": False})
    assert thumbprint == jwk["kid"] == inner["cnf"]["kid"] == jwt.get_unverified_header(text)["kid"]


for each in given["assertions"]:
    assertion(**each)
for each in given["wrappers"]:
    wrapper(each)
print("verified", len(given["assertions"]) + len(given["wrappers"]))

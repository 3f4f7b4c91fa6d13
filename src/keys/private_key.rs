//! Private keys of the kinds that applications sign in with.

use super::ber::{self, Reader};
use super::certificate::{Certificate, EC, P256, PublicKey, RSA, RSA_PSS};
use super::key_file_error::{KeyFileError, Result as FlawResult};
use super::rsa_key::{Padding, RsaKey};
use crate::error::{Error, Result};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use zeroize::Zeroizing;

/// An algorithm of RFC 7518 section 3.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // Their names are their documentation.
pub enum Algorithm {
    Ps256,
    Rs256,
    Es256,
}

impl Algorithm {
    /// Its name in a JWS header.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ps256 => "PS256",
            Self::Rs256 => "RS256",
            Self::Es256 => "ES256",
        }
    }
}

/// A private key.
pub enum PrivateKey {
    /// RSA, 2048 to 8192 bits.
    Rsa(RsaKey),
    /// The scalar of a key on P-256.
    P256(Zeroizing<Vec<u8>>),
}

impl PrivateKey {
    /// Reads a PrivateKeyInfo, PKCS#8 (RFC 5958 section 2).
    pub(super) fn from_pkcs8(der: &[u8]) -> FlawResult<Self> {
        const BAD_KEY: KeyFileError = KeyFileError::Damaged("its private key");
        let mut info = Reader::new(der).enter(ber::SEQUENCE).ok_or(BAD_KEY)?;
        info.number().ok_or(BAD_KEY)?;
        let mut algorithm = info.enter(ber::SEQUENCE).ok_or(BAD_KEY)?;
        let kind = algorithm.take(ber::OID).ok_or(BAD_KEY)?;
        let key = info.take(ber::OCTET_STRING).ok_or(BAD_KEY)?;
        match kind {
            RSA | RSA_PSS => RsaKey::from_pkcs1(key).map(Self::Rsa),
            EC => Self::from_sec1(key, algorithm.take(ber::OID)),
            _ => Err(unsupported(kind)),
        }
    }

    /// Reads an RSAPrivateKey, PKCS#1.
    pub(super) fn from_pkcs1(der: &[u8]) -> FlawResult<Self> {
        RsaKey::from_pkcs1(der).map(Self::Rsa)
    }

    /// Reads an ECPrivateKey (RFC 5915 section 3), whose curve may be named outside of it.
    pub(super) fn from_sec1(der: &[u8], curve: Option<&[u8]>) -> FlawResult<Self> {
        const BAD_KEY: KeyFileError = KeyFileError::Damaged("its EC key");
        let mut key = Reader::new(der).enter(ber::SEQUENCE).ok_or(BAD_KEY)?;
        key.number().filter(|version| *version == 1).ok_or(BAD_KEY)?;
        let scalar = key.take(ber::OCTET_STRING).ok_or(BAD_KEY)?;
        let own = key.optional(ber::context(0)).map(Reader::new).and_then(|mut curve| curve.take(ber::OID));
        match own.or(curve) {
            Some(P256) if scalar.len() <= 32 => {
                // Some writers leave leading zeros out.
                let mut padded = Zeroizing::new(vec![0; 32 - scalar.len()]);
                padded.extend_from_slice(scalar);
                Ok(Self::P256(padded))
            }
            Some(P256) | None => Err(BAD_KEY),
            Some(other) => Err(unsupported(other)),
        }
    }

    /// Whether the certificate is this key's.
    pub(super) fn belongs_to(&self, certificate: &Certificate) -> bool {
        match (self, &certificate.public_key) {
            (Self::Rsa(key), PublicKey::Rsa(n, e)) => key.modulus() == n && key.exponent() == e,
            (Self::P256(scalar), PublicKey::P256(point)) => ecdsa(scalar, point).is_some(),
            _ => false,
        }
    }

    /// Signs a message. The certificate is the key's own.
    ///
    /// # Errors
    /// An algorithm that is not this kind of key's; no randomness.
    pub(super) fn sign(
        &self,
        algorithm: Algorithm,
        certificate: &Certificate,
        message: &[u8],
    ) -> Result<Vec<u8>> {
        match (self, algorithm, &certificate.public_key) {
            (Self::Rsa(key), Algorithm::Ps256, _) => key.sign(Padding::Pss, message),
            (Self::Rsa(key), Algorithm::Rs256, _) => key.sign(Padding::Pkcs1, message),
            (Self::P256(scalar), Algorithm::Es256, PublicKey::P256(point)) => ecdsa(scalar, point)
                .and_then(|pair| pair.sign(&SystemRandom::new(), message).ok())
                .map(|signature| signature.as_ref().to_vec())
                .ok_or_else(|| Error::new("cannot sign with the EC key")),
            _ => Err(Error::new(format!("the key cannot sign with {}", algorithm.name()))),
        }
    }
}

/// `None` where the point is not the scalar's.
fn ecdsa(scalar: &[u8], point: &[u8]) -> Option<EcdsaKeyPair> {
    let random = SystemRandom::new();
    EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, scalar, point, &random)
        .ok()
}

fn unsupported(oid: &[u8]) -> KeyFileError {
    const NAMES: &[(&[u8], &str)] = &[
        (&[0x2b, 0x81, 4, 0, 34], "an EC key on P-384"),
        (&[0x2b, 0x81, 4, 0, 35], "an EC key on P-521"),
        (&[0x2b, 0x81, 4, 0, 10], "an EC key on secp256k1"),
        (&[0x2b, 0x65, 0x70], "an Ed25519 key"),
        (&[0x2b, 0x65, 0x71], "an Ed448 key"),
        (&[0x2a, 0x86, 0x48, 0xce, 0x38, 4, 1], "a DSA key"),
    ];
    let name = NAMES.iter().find(|(known, _)| *known == oid).map(|(_, name)| (*name).to_owned());
    KeyFileError::Unsupported(name.unwrap_or_else(|| format!("a key of the kind {}", ber::dotted(oid))))
}

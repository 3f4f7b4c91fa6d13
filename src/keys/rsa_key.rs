//! RSA keys: reading, making, signing.
//!
//! ring signs, being four times as fast; what it refuses (a public exponent of 3, more than 4096 bits) the
//! rsa crate signs, which also makes new keys, as ring cannot.

use super::ber::{self, Reader};
use super::key_file_error::{KeyFileError, Result as FlawResult};
use crate::error::{Error, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use getrandom::SysRng;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use rsa::BoxedUint;
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The only RSA keys that are used, in bits.
const SIZES: std::ops::RangeInclusive<usize> = 2048..=8192;
const PEM_BEGIN: &str = "-----BEGIN RSA PRIVATE KEY-----\n";
const PEM_END: &str = "-----END RSA PRIVATE KEY-----\n";

/// How an RSA signature is padded (RFC 8017 section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// PSS with SHA-256 and a salt of 32 bytes.
    Pss,
    /// PKCS#1 v1.5 with SHA-256.
    Pkcs1,
}

/// A private key.
pub struct RsaKey {
    pkcs1: Zeroizing<Vec<u8>>,
    n: Vec<u8>,
    e: Vec<u8>,
    signer: Signer,
}

enum Signer {
    Ring(Box<RsaKeyPair>),
    Rsa(Box<rsa::PrivateKey>),
}

impl RsaKey {
    /// Reads an RSAPrivateKey (RFC 8017 appendix A.1.2).
    pub(super) fn from_pkcs1(der: &[u8]) -> FlawResult<Self> {
        const BAD_KEY: KeyFileError = KeyFileError::Damaged("its RSA key");
        let mut key = Reader::new(der).enter(ber::SEQUENCE).ok_or(BAD_KEY)?;
        match key.number() {
            Some(0) => {}
            Some(1) => {
                return Err(KeyFileError::Unsupported("an RSA key of more than two primes".to_owned()));
            }
            _ => return Err(BAD_KEY),
        }
        let (n, e) = (key.unsigned().ok_or(BAD_KEY)?, key.unsigned().ok_or(BAD_KEY)?);
        let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
        if !SIZES.contains(&bits) {
            return Err(KeyFileError::Unsupported(format!("an RSA key of {bits} bits")));
        }
        let whole = Reader::new(der).whole().ok_or(BAD_KEY)?;
        let signer = match RsaKeyPair::from_der(whole) {
            Ok(pair) => Signer::Ring(Box::new(pair)),
            Err(_) => Signer::Rsa(Box::new(to_rsa_crate(whole).ok_or(BAD_KEY)?)),
        };
        Ok(Self { pkcs1: Zeroizing::new(whole.to_vec()), n: n.to_vec(), e: e.to_vec(), signer })
    }

    /// Makes a new key of 2048 bits with the public exponent 65537.
    ///
    /// # Errors
    /// The operating system has no randomness.
    pub fn generate() -> Result<Self> {
        let failed = |e: rsa::Error| Error::new(format!("cannot make an RSA key: {e}"));
        let key = rsa::PrivateKey::new(&mut SysRng, 2048).map_err(failed)?;
        encode(&key)
            .and_then(|der| Self::from_pkcs1(&der).ok())
            .ok_or_else(|| Error::new("cannot make an RSA key"))
    }

    /// Reads what [`RsaKey::to_pem`] wrote.
    pub fn from_pem(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let body = text.strip_prefix(PEM_BEGIN)?.strip_suffix(PEM_END)?;
        let body: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
        Self::from_pkcs1(&Zeroizing::new(STANDARD.decode(body.as_bytes()).ok()?)).ok()
    }

    /// The key as a PEM file.
    pub fn to_pem(&self) -> Zeroizing<String> {
        const LINE: usize = 64;
        let body = Zeroizing::new(STANDARD.encode(&*self.pkcs1));
        let mut pem = Zeroizing::new(String::with_capacity(body.len() * 2 + PEM_BEGIN.len() + PEM_END.len()));
        pem.push_str(PEM_BEGIN);
        for (i, letter) in body.chars().enumerate() {
            if i > 0 && i % LINE == 0 {
                pem.push('\n');
            }
            pem.push(letter);
        }
        pem.push('\n');
        pem.push_str(PEM_END);
        pem
    }

    /// The modulus, big-endian, without leading zeros.
    pub fn modulus(&self) -> &[u8] {
        &self.n
    }

    /// The public exponent, big-endian, without leading zeros.
    pub fn exponent(&self) -> &[u8] {
        &self.e
    }

    /// Signs a message with SHA-256.
    ///
    /// # Errors
    /// The operating system has no randomness.
    pub fn sign(&self, padding: Padding, message: &[u8]) -> Result<Vec<u8>> {
        let no_randomness = || Error::new("cannot sign with the RSA key");
        match &self.signer {
            Signer::Ring(pair) => {
                let encoding: &dyn RsaEncoding = match padding {
                    Padding::Pss => &RSA_PSS_SHA256,
                    Padding::Pkcs1 => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(encoding, &SystemRandom::new(), message, &mut signature)
                    .map_err(|_| no_randomness())?;
                Ok(signature)
            }
            Signer::Rsa(key) => {
                let digest = Sha256::digest(message);
                match padding {
                    Padding::Pss => key.sign_with_rng(&mut SysRng, rsa::Pss::<Sha256>::new(), &digest),
                    Padding::Pkcs1 => {
                        key.sign_with_rng(&mut SysRng, rsa::Pkcs1v15Sign::new::<Sha256>(), &digest)
                    }
                }
                .map_err(|_| no_randomness())
            }
        }
    }
}

/// The same key for the rsa crate; `None` if its numbers do not belong together.
fn to_rsa_crate(pkcs1: &[u8]) -> Option<rsa::PrivateKey> {
    let mut key = Reader::new(pkcs1).enter(ber::SEQUENCE)?;
    key.number()?;
    let mut next = || key.unsigned().map(BoxedUint::from_be_slice_vartime);
    let (n, e, d, p, q) = (next()?, next()?, next()?, next()?, next()?);
    rsa::PrivateKey::from_components(n, e, d, vec![p, q]).ok()
}

/// An RSAPrivateKey of two primes (RFC 8017 appendix A.1.2).
fn encode(key: &rsa::PrivateKey) -> Option<Zeroizing<Vec<u8>>> {
    let [p, q] = key.primes() else { return None };
    let coefficient = key.crt_coefficient()?;
    let numbers =
        [key.n().as_ref(), key.e(), key.d(), p.as_ref(), q.as_ref(), key.dp()?, key.dq()?, &coefficient];
    let mut content = Zeroizing::new(vec![ber::INTEGER, 1, 0]);
    for number in numbers {
        let bytes = Zeroizing::new(number.to_be_bytes().to_vec());
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let digits = bytes.get(zeros..)?;
        // A first bit that is set would make the number negative.
        let sign: &[u8] = if digits.first().is_none_or(|first| first & 0x80 != 0) { &[0] } else { &[] };
        ber::push(&mut content, ber::INTEGER, &Zeroizing::new([sign, digits].concat()));
    }
    let mut der = Zeroizing::new(Vec::with_capacity(content.len() + 8));
    ber::push(&mut der, ber::SEQUENCE, &content);
    Some(der)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaPublicKeyComponents};

    #[test]
    fn a_new_key_signs_and_survives_its_file() {
        let key = RsaKey::generate().unwrap();
        assert_eq!((key.n.len(), key.exponent()), (256, &[1, 0, 1][..]));
        let again = RsaKey::from_pem(key.to_pem().as_bytes()).unwrap();
        assert_eq!(again.modulus(), key.modulus());
        let public = RsaPublicKeyComponents { n: key.modulus(), e: key.exponent() };
        let signature = again.sign(Padding::Pkcs1, b"m").unwrap();
        public.verify(&RSA_PKCS1_2048_8192_SHA256, b"m", &signature).unwrap();
        let signature = again.sign(Padding::Pss, b"m").unwrap();
        public.verify(&RSA_PSS_2048_8192_SHA256, b"m", &signature).unwrap();
        let slow = to_rsa_crate(&key.pkcs1).unwrap().sign_with_rng(
            &mut SysRng,
            rsa::Pss::<Sha256>::new(),
            &Sha256::digest(b"m"),
        );
        public.verify(&RSA_PSS_2048_8192_SHA256, b"m", &slow.unwrap()).unwrap();
    }

    /// RFC 7515 appendix A.2 and RFC 7520 section 4.1; RSASSA-PKCS1-v1_5 has one right signature.
    #[test]
    fn the_signatures_of_the_rfcs() {
        const CASES: [(&[u8], &[u8], &str); 2] = [
            (
                include_bytes!("../../tests/data/rfc7515-a2.pem"),
                b"eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ",
                "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
            ),
            (
                include_bytes!("../../tests/data/rfc7520-4.1.pem"),
                b"eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9.SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXigJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4",
                "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrDaLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg",
            ),
        ];
        let encode = |signature: Vec<u8>| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(signature);
        for (pem, input, signature) in CASES {
            let key = RsaKey::from_pem(pem).unwrap();
            assert_eq!(encode(key.sign(Padding::Pkcs1, input).unwrap()), signature);
            let other = RsaKey { signer: Signer::Rsa(Box::new(to_rsa_crate(&key.pkcs1).unwrap())), ..key };
            assert_eq!(encode(other.sign(Padding::Pkcs1, input).unwrap()), signature);
        }
    }

    #[test]
    fn a_damaged_file_is_no_key() {
        let pem = RsaKey::generate().unwrap().to_pem();
        for end in 0..pem.len() {
            assert!(RsaKey::from_pem(&pem.as_bytes()[..end]).is_none(), "{end}");
        }
        let mut damaged = pem.as_bytes().to_vec();
        damaged[400] ^= 1;
        assert!(RsaKey::from_pem(&damaged).is_none());
    }
}

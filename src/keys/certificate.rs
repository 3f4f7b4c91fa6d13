//! What a sign-in needs to know of a certificate (RFC 5280 section 4.1).

use super::ber::{self, Reader, context};
use super::key_file_error::{KeyFileError, Result};
use crate::time::{UnixTime, parse_rfc3339, rfc3339};
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// A certificate, unverified: the service knows whom it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// As it was read.
    pub der: Vec<u8>,
    /// Its first second.
    pub not_before: UnixTime,
    /// Its last second.
    pub not_after: UnixTime,
    /// The key whose certificate it is.
    pub(super) public_key: PublicKey,
    pub(super) issuer: Vec<u8>,
    pub(super) subject: Vec<u8>,
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PublicKey {
    /// Modulus and exponent without leading zeros.
    Rsa(Vec<u8>, Vec<u8>),
    /// The uncompressed point.
    P256(Vec<u8>),
    /// Another kind.
    Other,
}

/// rsaEncryption
pub(super) const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// id-RSASSA-PSS
pub(super) const RSA_PSS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10];
/// id-ecPublicKey
pub(super) const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
/// secp256r1
pub(super) const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];

impl Certificate {
    pub(super) fn read(der: &[u8]) -> Result<Self> {
        fields(der).ok_or(KeyFileError::Damaged("a certificate"))
    }

    /// SHA-1 over it: `x5t`, and what portals show as its thumbprint.
    pub fn sha1(&self) -> [u8; 20] {
        Sha1::digest(&self.der).into()
    }

    /// SHA-256 over it: `x5t#S256`.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.der).into()
    }

    /// What a person compares with the app's registration.
    pub fn described(&self) -> String {
        format!(
            "SHA-1 thumbprint {}, SHA-256 thumbprint {}, valid until {}",
            hexadecimal(&self.sha1()),
            hexadecimal(&self.sha256()),
            rfc3339(self.not_after)
        )
    }

    /// Why the service will refuse it by the calendar.
    pub fn validity_problem(&self, now: UnixTime) -> Option<String> {
        if now > self.not_after {
            Some(format!("expired on {}", rfc3339(self.not_after)))
        } else if now < self.not_before {
            Some(format!("is not valid before {}", rfc3339(self.not_before)))
        } else {
            None
        }
    }

    /// Whether it was issued by itself: the end of a chain.
    pub(super) fn is_self_issued(&self) -> bool {
        self.issuer == self.subject
    }
}

fn fields(der: &[u8]) -> Option<Certificate> {
    let whole = Reader::new(der).whole()?;
    let mut tbs = Reader::new(whole).enter(ber::SEQUENCE)?.enter(ber::SEQUENCE)?;
    tbs.optional(context(0));
    tbs.take(ber::INTEGER)?;
    tbs.take(ber::SEQUENCE)?;
    let issuer = tbs.take(ber::SEQUENCE)?.to_vec();
    let mut validity = tbs.enter(ber::SEQUENCE)?;
    let (not_before, not_after) = (time(validity.any()?)?, time(validity.any()?)?);
    let subject = tbs.take(ber::SEQUENCE)?.to_vec();
    let public_key = public_key(tbs.enter(ber::SEQUENCE)?)?;
    Some(Certificate { der: whole.to_vec(), not_before, not_after, public_key, issuer, subject })
}

/// The common name (or organization) of a DER certificate's issuer, to be shown; `None` when it cannot be found.
pub fn issuer_name(der: &[u8]) -> Option<String> {
    const COMMON_NAME: &[u8] = &[0x55, 4, 3];
    const ORGANIZATION: &[u8] = &[0x55, 4, 10];
    let issuer = fields(der)?.issuer;
    attribute(&issuer, COMMON_NAME).or_else(|| attribute(&issuer, ORGANIZATION))
}

/// One attribute of a distinguished name: sets of (type, value) pairs.
fn attribute(names: &[u8], wanted: &[u8]) -> Option<String> {
    const SET: u8 = 0x31;
    let mut names = Reader::new(names);
    while let Some(mut set) = names.enter(SET) {
        let mut pair = set.enter(ber::SEQUENCE)?;
        let kind = pair.take(ber::OID)?;
        let (_, value) = pair.any()?;
        if kind == wanted {
            return Some(String::from_utf8_lossy(value).into_owned());
        }
    }
    None
}

/// A SubjectPublicKeyInfo's content.
fn public_key(mut info: Reader) -> Option<PublicKey> {
    let mut algorithm = info.enter(ber::SEQUENCE)?;
    let kind = algorithm.take(ber::OID)?;
    let bits = info.take(ber::BIT_STRING)?.strip_prefix(&[0])?;
    Some(match kind {
        RSA | RSA_PSS => {
            let mut key = Reader::new(bits).enter(ber::SEQUENCE)?;
            PublicKey::Rsa(key.unsigned()?.to_vec(), key.unsigned()?.to_vec())
        }
        EC if algorithm.take(ber::OID) == Some(P256) => PublicKey::P256(bits.to_vec()),
        _ => PublicKey::Other,
    })
}

/// A UTCTime or GeneralizedTime (RFC 5280 section 4.1.2.5); a time before 1970 counts as 1970.
fn time((tag, text): (u8, &[u8])) -> Option<UnixTime> {
    let text = std::str::from_utf8(text).ok().filter(|text| text.is_ascii())?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        0x17 => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: u16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        0x18 => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    let at = |from: usize| rest.get(from..from + 2).filter(|two| two.bytes().all(|b| b.is_ascii_digit()));
    let (month, day, hour, minute, second) = (at(0)?, at(2)?, at(4)?, at(6)?, at(8)?);
    if year < 1970 {
        return Some(0);
    }
    parse_rfc3339(&format!("{year:04}-{month}-{day}T{hour}:{minute}:{second}Z"))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_both_kinds() {
        assert_eq!(time((0x17, b"260102030405Z")), Some(1_767_323_045));
        assert_eq!(time((0x18, b"20260102030405Z")), Some(1_767_323_045));
        assert_eq!(time((0x17, b"690102030405Z")), Some(0));
        assert_eq!(time((0x18, b"99991231235959Z")), Some(253_402_300_799));
        for bad in ["", "Z", "2601020304Z", "261302030405Z", "26010203040+Z", "260102030405", "ää0102030405Z"]
        {
            assert_eq!(time((0x17, bad.as_bytes())), None, "{bad}");
        }
    }

    #[test]
    fn a_certificates_fields() {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec!["x".to_owned()]).unwrap().self_signed(&key).unwrap();
        let read = Certificate::read(certificate.der()).unwrap();
        assert!(read.is_self_issued());
        assert!(matches!(&read.public_key, PublicKey::P256(point) if point.len() == 65));
        assert!(read.validity_problem(read.not_after + 1).unwrap().starts_with("expired on "));
        assert!(
            read.validity_problem(read.not_before.saturating_sub(1))
                .unwrap()
                .starts_with("is not valid before")
        );
        assert_eq!(read.validity_problem(read.not_after), None);
        for end in 0..certificate.der().len() {
            assert!(Certificate::read(&certificate.der()[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn the_common_name_of_the_issuer() {
        let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "Corp Proxy CA");
        let certificate = parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        assert_eq!(issuer_name(certificate.der()).as_deref(), Some("Corp Proxy CA"));
        assert_eq!(issuer_name(b""), None);
    }
}

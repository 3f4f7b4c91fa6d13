//! The file of `--client-certificate`: a private key with its certificate, as PFX or PEM.

use super::certificate::Certificate;
use super::key_file_error::{KeyFileError, Result as FlawResult};
use super::pbe::{Budget, Password};
use super::pem::{self, Block};
use super::pfx::{self, private_key_info};
use super::private_key::{Algorithm, PrivateKey};
use crate::error::Result;
use crate::secret::Secret;
use crate::time::UnixTime;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Private keys in one file, each of which costs a check of its numbers.
const MAX_KEYS: usize = 64;
/// Certificates in one file. Whether one is an EC key's costs a multiplication for each pair of the two:
/// half a second if there are as many as there may be.
const MAX_CERTIFICATES: usize = 256;

/// A key that signs, its certificate, and the certificates above that one.
pub struct ClientCertificate {
    key: PrivateKey,
    /// The key's own.
    pub certificate: Certificate,
    /// Those above it, each the issuer of the one before.
    pub chain: Vec<Certificate>,
}

impl ClientCertificate {
    /// Reads a file, told apart by its content. Of several keys the first with a certificate counts that is
    /// valid at `now`, else the first with any.
    ///
    /// # Errors
    /// What is wrong with the file, as the end of a sentence that begins with its name.
    pub fn read(bytes: &[u8], password: &Secret, now: UnixTime) -> Result<Self> {
        Ok(Self::parse(bytes, password.expose(), now)?)
    }

    fn parse(bytes: &[u8], password: &str, now: UnixTime) -> FlawResult<Self> {
        if pfx::looks_like_one(bytes) {
            return Self::from_pfx(bytes, password, now);
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match std::str::from_utf8(bytes) {
            Ok(text) if pem::is_in(text) => Self::from_pem(text, password, now),
            // As a key vault's secret is downloaded.
            Ok(text) => match base64_pfx(text) {
                Some(pfx) => Self::from_pfx(&pfx, password, now),
                None => Err(KeyFileError::UnknownFormat),
            },
            Err(_) if Certificate::read(bytes).is_ok() => Err(KeyFileError::NoKey),
            Err(_) => Err(KeyFileError::UnknownFormat),
        }
    }

    fn from_pfx(bytes: &[u8], password: &str, now: UnixTime) -> FlawResult<Self> {
        let contents = pfx::open(bytes, password)?;
        refuse_too_many(contents.keys.len(), contents.certificates.len())?;
        let keys = contents.keys.iter().map(|der| PrivateKey::from_pkcs8(der)).collect();
        let certificates = contents.certificates.iter().map(|der| Certificate::read(der)).collect();
        Self::choose(keys, certificates, now)
    }

    fn from_pem(text: &str, password: &str, now: UnixTime) -> FlawResult<Self> {
        let (mut keys, mut certificates) = (Vec::new(), Vec::new());
        let blocks = pem::blocks(text)?;
        for block in &blocks {
            match block.label.as_str() {
                "CERTIFICATE" | "X509 CERTIFICATE" => certificates.push(block),
                label if label.ends_with("PRIVATE KEY") => keys.push(block),
                _ => {}
            }
        }
        refuse_too_many(keys.len(), certificates.len())?;
        let mut budget = Budget::new();
        let keys = keys.into_iter().map(|block| private_key(block, password, &mut budget)).collect();
        let certificates = certificates.into_iter().map(|block| Certificate::read(&block.der)).collect();
        Self::choose(keys, certificates, now)
    }

    /// What cannot be read matters only when nothing else serves: a file may hold more than is needed.
    fn choose(
        keys: Vec<FlawResult<PrivateKey>>,
        certificates: Vec<FlawResult<Certificate>>,
        now: UnixTime,
    ) -> FlawResult<Self> {
        let mut flaws = Vec::new();
        let keys = readable(keys, &mut flaws);
        let mut certificates = readable(certificates, &mut flaws);
        let mut pair = None;
        'found: for (k, key) in keys.iter().enumerate() {
            for (c, certificate) in certificates.iter().enumerate() {
                if key.belongs_to(certificate) {
                    if certificate.validity_problem(now).is_none() {
                        pair = Some((k, c));
                        break 'found;
                    }
                    pair = pair.or(Some((k, c)));
                }
            }
        }
        let Some((key, certificate)) = pair else {
            return Err(match flaws.into_iter().next() {
                Some(flaw) => flaw,
                None if keys.is_empty() => KeyFileError::NoKey,
                None if certificates.is_empty() => KeyFileError::NoCertificate,
                None => KeyFileError::NoMatch,
            });
        };
        let certificate = certificates.swap_remove(certificate);
        let key = keys.into_iter().nth(key).ok_or(KeyFileError::NoKey)?;
        let chain = chain(&certificate, certificates);
        Ok(Self { key, certificate, chain })
    }

    /// The algorithm of its signatures: of the modern ones, or of those that old services take.
    ///
    /// `None` where an old service is asked and the key is on P-256.
    pub fn algorithm(&self, old: bool) -> Option<Algorithm> {
        match (&self.key, old) {
            (PrivateKey::Rsa(_), false) => Some(Algorithm::Ps256),
            (PrivateKey::Rsa(_), true) => Some(Algorithm::Rs256),
            (PrivateKey::P256(_), false) => Some(Algorithm::Es256),
            (PrivateKey::P256(_), true) => None,
        }
    }

    /// Signs a message.
    ///
    /// # Errors
    /// No randomness.
    pub fn sign(&self, algorithm: Algorithm, message: &[u8]) -> Result<Vec<u8>> {
        self.key.sign(algorithm, &self.certificate, message)
    }
}

fn refuse_too_many(keys: usize, certificates: usize) -> FlawResult<()> {
    if keys > MAX_KEYS {
        return Err(KeyFileError::TooMany("private keys", keys, MAX_KEYS));
    }
    if certificates > MAX_CERTIFICATES {
        return Err(KeyFileError::TooMany("certificates", certificates, MAX_CERTIFICATES));
    }
    Ok(())
}

fn readable<T>(read: Vec<FlawResult<T>>, flaws: &mut Vec<KeyFileError>) -> Vec<T> {
    read.into_iter().filter_map(|one| one.map_err(|flaw| flaws.push(flaw)).ok()).collect()
}

fn private_key(block: &Block, password: &str, budget: &mut Budget) -> FlawResult<PrivateKey> {
    if block.has_headers {
        return Err(KeyFileError::Unsupported("OpenSSL's old encryption of PEM keys".to_owned()));
    }
    match block.label.as_str() {
        "PRIVATE KEY" => PrivateKey::from_pkcs8(&block.der),
        "RSA PRIVATE KEY" => PrivateKey::from_pkcs1(&block.der),
        "EC PRIVATE KEY" => PrivateKey::from_sec1(&block.der, None),
        "ENCRYPTED PRIVATE KEY" => match private_key_info(&block.der, &Password::new(password), budget) {
            Err(KeyFileError::WrongPassword) if password.is_empty() => Err(KeyFileError::NoPassword),
            opened => PrivateKey::from_pkcs8(&opened?),
        },
        other => Err(KeyFileError::Unsupported(format!("a PEM block \"{other}\""))),
    }
}

/// The certificates above `leaf`, as far as `others` have them.
fn chain(leaf: &Certificate, mut others: Vec<Certificate>) -> Vec<Certificate> {
    let mut chain: Vec<Certificate> = Vec::new();
    loop {
        let last = chain.last().unwrap_or(leaf);
        let issuer = others.iter().position(|other| other.subject == last.issuer && other.der != last.der);
        match issuer {
            Some(issuer) if !last.is_self_issued() => chain.push(others.swap_remove(issuer)),
            _ => return chain,
        }
    }
}

fn base64_pfx(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let text: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
    let bytes = Zeroizing::new(STANDARD.decode(text.as_bytes()).ok()?);
    pfx::looks_like_one(&bytes).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    const NOW: UnixTime = 1_767_323_045;

    fn certificate_until(key: &rcgen::KeyPair, end: UnixTime) -> String {
        let mut parameters = rcgen::CertificateParams::new(vec!["x".to_owned()]).unwrap();
        parameters.not_before = SystemTime::UNIX_EPOCH.into();
        parameters.not_after = (SystemTime::UNIX_EPOCH + Duration::from_secs(end)).into();
        parameters.self_signed(key).unwrap().pem()
    }

    fn read(text: &str) -> FlawResult<ClientCertificate> {
        ClientCertificate::parse(text.as_bytes(), "", NOW)
    }

    #[test]
    fn of_one_keys_certificates_the_valid_one_counts_and_of_none_the_first() {
        let (key, other) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
        let (expired, older) = (certificate_until(&key, NOW - 1), certificate_until(&key, NOW - 2));
        let (valid, others) = (certificate_until(&key, NOW + 1), certificate_until(&other, NOW + 1));
        let end = |parts: &[&str]| read(&parts.concat()).unwrap().certificate.not_after;
        let key = key.serialize_pem();
        assert_eq!(end(&[&key, &others, &expired, &older, &valid]), NOW + 1);
        assert_eq!(end(&[&key, &others, &expired, &older]), NOW - 1);
    }

    #[test]
    fn more_keys_or_certificates_than_anybody_has_are_refused() {
        let key = rcgen::KeyPair::generate().unwrap();
        let (certificate, key) = (certificate_until(&key, NOW + 1), key.serialize_pem());
        let of = |keys: usize, certificates: usize| {
            read(&[key.repeat(keys), certificate.repeat(certificates)].concat()).err()
        };
        assert_eq!(of(MAX_KEYS, MAX_CERTIFICATES), None);
        assert_eq!(of(MAX_KEYS + 1, 1), Some(KeyFileError::TooMany("private keys", 65, 64)));
        assert_eq!(of(1, MAX_CERTIFICATES + 1), Some(KeyFileError::TooMany("certificates", 257, 256)));
    }
}

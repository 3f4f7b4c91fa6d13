//! The PKCS#12 container (RFC 7292): what OpenSSL, Windows, Java, NSS and `az` write.

use super::ber::{self, Reader, context, normalise};
use super::key_file_error::{KeyFileError, Result};
use super::pbe::{Budget, Password, decrypt, has_mac};
use zeroize::Zeroizing;

/// Keys (PKCS#8) and certificates (DER), in the file's order.
#[derive(Default)]
pub(super) struct Contents {
    /// PrivateKeyInfos.
    pub keys: Vec<Zeroizing<Vec<u8>>>,
    /// Certificates.
    pub certificates: Vec<Vec<u8>>,
}

const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
const SIGNED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2];
const ENVELOPED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 3];
const ENCRYPTED_DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 6];
const X509_CERTIFICATE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 22, 1];
/// What the identifiers of bags begin with; the last number is the kind.
const BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1];
const KEY_BAG: u8 = 1;
const SHROUDED_KEY_BAG: u8 = 2;
const CERTIFICATE_BAG: u8 = 3;
const SAFE_CONTENTS_BAG: u8 = 6;
/// No program nests bags deeper than this.
const MAX_DEPTH: u8 = 4;

const BAD_STRUCTURE: KeyFileError = KeyFileError::Damaged("its PKCS#12 structure");
/// What follows a code that does not fit although the password does.
const BAD_CODE: KeyFileError = KeyFileError::Damaged("its integrity code does not fit");

/// The parts of a PFX before any decryption.
struct Pfx<'a> {
    safe: Zeroizing<Vec<u8>>,
    mac: Option<&'a [u8]>,
}

/// Whether the bytes have the form of a PFX, damaged or not: a SEQUENCE that begins with version 3.
pub(super) fn looks_like_one(bytes: &[u8]) -> bool {
    let after_header = match bytes {
        [ber::SEQUENCE, 0x80, rest @ ..] => rest,
        [ber::SEQUENCE, length, rest @ ..] if *length < 0x80 => rest,
        [ber::SEQUENCE, length, rest @ ..] => rest.get(usize::from(length & 0x7f)..).unwrap_or_default(),
        _ => return false,
    };
    after_header.starts_with(&[ber::INTEGER, 1, 3])
}

/// Opens a PFX.
pub(super) fn open(bytes: &[u8], password: &str) -> Result<Contents> {
    let der = normalise(bytes).ok_or(BAD_STRUCTURE)?;
    let pfx = Pfx::read(&der).ok_or(BAD_STRUCTURE)??;
    let mut budget = Budget::new();
    let mut candidates = vec![Password::new(password)];
    if password.is_empty() {
        candidates.push(Password::absent());
    } else if !password.is_ascii() {
        candidates.push(Password::bytewise(password));
    }
    let mut flaw = KeyFileError::WrongPassword;
    for candidate in &candidates {
        let fits = pfx.mac.map_or(Ok(true), |mac| has_mac(mac, &pfx.safe, candidate, &mut budget))?;
        match pfx.contents(candidate, &mut budget) {
            Ok(contents) if fits => return Ok(contents),
            // The password opens what it protects; so it is the code, or what it was made of, that is wrong. Unless
            // the next candidate says otherwise: PBES2 gives all of them the same key, the code does not.
            Ok(contents) if !contents.is_empty() && pfx.is_encrypted() => flaw = BAD_CODE,
            Err(KeyFileError::WrongPassword) if fits && pfx.mac.is_some() => return Err(BAD_STRUCTURE),
            Err(KeyFileError::WrongPassword) | Ok(_) => {}
            Err(other) if fits => return Err(other),
            Err(other @ (KeyFileError::Unsupported(_) | KeyFileError::Iterations(_))) => return Err(other),
            Err(other) if flaw == KeyFileError::WrongPassword => flaw = other,
            Err(_) => {}
        }
    }
    Err(match flaw {
        KeyFileError::WrongPassword if password.is_empty() => KeyFileError::NoPassword,
        flaw => flaw,
    })
}

impl Contents {
    fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.certificates.is_empty()
    }
}

impl<'a> Pfx<'a> {
    fn read(der: &'a [u8]) -> Option<Result<Self>> {
        let mut pfx = Reader::new(der).enter(ber::SEQUENCE)?;
        pfx.number().filter(|version| *version == 3)?;
        let mut safe = pfx.enter(ber::SEQUENCE)?;
        match safe.take(ber::OID)? {
            DATA => {}
            SIGNED_DATA => {
                return Some(Err(KeyFileError::Unsupported("protection by a signature".to_owned())));
            }
            _ => return None,
        }
        let safe = safe.enter(context(0))?.take(ber::OCTET_STRING)?;
        let mac = pfx.optional(ber::SEQUENCE);
        Some(Ok(Self { safe: Zeroizing::new(safe.to_vec()), mac }))
    }

    /// Whether there is anything that a password protects.
    fn is_encrypted(&self) -> bool {
        let has = |oid: &[u8]| self.safe.windows(oid.len()).any(|window| window == oid);
        has(ENCRYPTED_DATA) || has(&[BAG, &[SHROUDED_KEY_BAG]].concat())
    }

    /// Everything in it, decrypted.
    fn contents(&self, password: &Password, budget: &mut Budget) -> Result<Contents> {
        let mut contents = Contents::default();
        let safe = normalise(&self.safe).ok_or(BAD_STRUCTURE)?;
        let mut parts = Reader::new(&safe).enter(ber::SEQUENCE).ok_or(BAD_STRUCTURE)?;
        while !parts.is_empty() {
            let mut part = parts.enter(ber::SEQUENCE).ok_or(BAD_STRUCTURE)?;
            let kind = part.take(ber::OID).ok_or(BAD_STRUCTURE)?;
            let mut content = part.enter(context(0)).ok_or(BAD_STRUCTURE)?;
            let bags = match kind {
                DATA => Zeroizing::new(content.take(ber::OCTET_STRING).ok_or(BAD_STRUCTURE)?.to_vec()),
                ENCRYPTED_DATA => encrypted(content, password, budget)?,
                ENVELOPED_DATA => {
                    return Err(KeyFileError::Unsupported("encryption to a certificate".to_owned()));
                }
                _ => return Err(BAD_STRUCTURE),
            };
            let opened = if kind == ENCRYPTED_DATA { KeyFileError::WrongPassword } else { BAD_STRUCTURE };
            let bags = normalise(&bags).ok_or(opened.clone())?;
            let bags = Reader::new(&bags).enter(ber::SEQUENCE).ok_or(opened)?;
            contents.add(bags, password, budget, 0)?;
        }
        Ok(contents)
    }
}

/// The plaintext of an EncryptedData (RFC 5652 section 8).
fn encrypted(mut content: Reader, password: &Password, budget: &mut Budget) -> Result<Zeroizing<Vec<u8>>> {
    let mut read = || {
        let mut data = content.enter(ber::SEQUENCE)?;
        data.number()?;
        let mut info = data.enter(ber::SEQUENCE)?;
        info.take(ber::OID).filter(|kind| *kind == DATA)?;
        let scheme = info.take(ber::SEQUENCE)?;
        // IMPLICIT OCTET STRING: in one piece, or in several.
        let ciphertext = match info.any()? {
            (0x80, whole) => Zeroizing::new(whole.to_vec()),
            (0xa0, parts) => ber::pieces(parts)?,
            _ => return None,
        };
        Some((scheme, ciphertext))
    };
    let (scheme, ciphertext) = read().ok_or(BAD_STRUCTURE)?;
    decrypt(scheme, &ciphertext, password, budget)
}

/// The PrivateKeyInfo of an EncryptedPrivateKeyInfo (RFC 5958 section 3).
pub(super) fn private_key_info(
    encrypted: &[u8],
    password: &Password,
    budget: &mut Budget,
) -> Result<Zeroizing<Vec<u8>>> {
    let mut info = Reader::new(encrypted).enter(ber::SEQUENCE).ok_or(BAD_STRUCTURE)?;
    let scheme = info.take(ber::SEQUENCE).ok_or(BAD_STRUCTURE)?;
    let ciphertext = info.take(ber::OCTET_STRING).ok_or(BAD_STRUCTURE)?;
    let key = decrypt(scheme, ciphertext, password, budget)?;
    // Padding that fits by chance, once in 256 wrong passwords.
    match Reader::new(&key).enter(ber::SEQUENCE).is_some_and(|mut info| info.number().is_some()) {
        true => Ok(key),
        false => Err(KeyFileError::WrongPassword),
    }
}

impl Contents {
    /// Adds what stands in bags.
    fn add(&mut self, mut bags: Reader, password: &Password, budget: &mut Budget, depth: u8) -> Result<()> {
        while !bags.is_empty() {
            let mut bag = bags.enter(ber::SEQUENCE).ok_or(BAD_STRUCTURE)?;
            let kind = bag.take(ber::OID).ok_or(BAD_STRUCTURE)?;
            let mut value = bag.enter(context(0)).ok_or(BAD_STRUCTURE)?;
            match kind.strip_prefix(BAG) {
                Some([KEY_BAG]) => {
                    let key = value.whole().ok_or(BAD_STRUCTURE)?;
                    self.keys.push(Zeroizing::new(key.to_vec()));
                }
                Some([SHROUDED_KEY_BAG]) => {
                    let key = value.whole().ok_or(BAD_STRUCTURE)?;
                    self.keys.push(private_key_info(key, password, budget)?);
                }
                Some([CERTIFICATE_BAG]) => {
                    let mut certificate = value.enter(ber::SEQUENCE).ok_or(BAD_STRUCTURE)?;
                    let kind = certificate.take(ber::OID).ok_or(BAD_STRUCTURE)?;
                    let mut der = certificate.enter(context(0)).ok_or(BAD_STRUCTURE)?;
                    if kind == X509_CERTIFICATE {
                        let der = der.take(ber::OCTET_STRING).ok_or(BAD_STRUCTURE)?;
                        self.certificates.push(der.to_vec());
                    }
                }
                Some([SAFE_CONTENTS_BAG]) if depth < MAX_DEPTH => {
                    let inner = value.enter(ber::SEQUENCE).ok_or(BAD_STRUCTURE)?;
                    self.add(inner, password, budget, depth + 1)?;
                }
                // Revocation lists and secrets are none of ours.
                Some([4 | 5]) => {}
                _ => return Err(BAD_STRUCTURE),
            }
        }
        Ok(())
    }
}

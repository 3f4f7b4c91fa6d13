//! Decryption by a password: PBES2 (RFC 8018 section 6.2) and the schemes of PKCS#12 (RFC 7292 appendices
//! B and C).

use super::ber::{self, Reader};
use super::key_file_error::{KeyFileError, MAX_ITERATIONS, Result};
use aes::{Aes128, Aes192, Aes256};
use cbc::Decryptor;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, InnerIvInit, KeyInit};
use des::TdesEde3;
use rc2::Rc2;
use ring::{digest, hmac, pbkdf2};
use std::num::NonZeroU32;
use zeroize::Zeroizing;

/// A password in the two forms that files are encrypted with.
pub(super) struct Password {
    /// As it was given: PBES2.
    pub text: Zeroizing<Vec<u8>>,
    /// As a BMPString with its terminator: the schemes of PKCS#12.
    pub bmp: Zeroizing<Vec<u8>>,
}

impl Password {
    /// UTF-16 as everybody writes it today.
    pub fn new(text: &str) -> Self {
        let units = text.encode_utf16().chain([0]);
        Self {
            text: Zeroizing::new(text.as_bytes().to_vec()),
            bmp: Zeroizing::new(units.flat_map(u16::to_be_bytes).collect()),
        }
    }

    /// Each byte as a character of its own: how OpenSSL before 1.1 wrote what is not ASCII.
    pub fn bytewise(text: &str) -> Self {
        let units = text.bytes().map(u16::from).chain([0]);
        Self { bmp: Zeroizing::new(units.flat_map(u16::to_be_bytes).collect()), ..Self::new(text) }
    }

    /// No password at all, which is not the same as an empty one.
    pub fn absent() -> Self {
        Self { text: Zeroizing::default(), bmp: Zeroizing::default() }
    }
}

/// How many rounds of key derivation a file may still cost.
pub(super) struct Budget(u64);

impl Budget {
    pub fn new() -> Self {
        Self(MAX_ITERATIONS)
    }

    /// Takes this many, which must be more than none.
    pub fn spend(&mut self, iterations: u64) -> Result<u32> {
        let left = self.0.checked_sub(iterations).ok_or(KeyFileError::Iterations(iterations))?;
        self.0 = left;
        u32::try_from(iterations)
            .ok()
            .filter(|n| *n > 0)
            .ok_or(KeyFileError::Damaged("its key derivation has no rounds"))
    }
}

/// A hash function with ring's forms of it.
#[derive(Clone, Copy)]
pub(super) struct Hash {
    digest: &'static digest::Algorithm,
    pub hmac: hmac::Algorithm,
    pbkdf2: pbkdf2::Algorithm,
}

const SHA1: Hash = Hash {
    digest: &digest::SHA1_FOR_LEGACY_USE_ONLY,
    hmac: hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
    pbkdf2: pbkdf2::PBKDF2_HMAC_SHA1,
};
const SHA256: Hash =
    Hash { digest: &digest::SHA256, hmac: hmac::HMAC_SHA256, pbkdf2: pbkdf2::PBKDF2_HMAC_SHA256 };
const SHA384: Hash =
    Hash { digest: &digest::SHA384, hmac: hmac::HMAC_SHA384, pbkdf2: pbkdf2::PBKDF2_HMAC_SHA384 };
const SHA512: Hash =
    Hash { digest: &digest::SHA512, hmac: hmac::HMAC_SHA512, pbkdf2: pbkdf2::PBKDF2_HMAC_SHA512 };

/// 1.2.840.113549, the beginning of all of RSA's identifiers.
macro_rules! rsadsi {
    ($($rest:literal),*) => { &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, $($rest),*] };
}

const PBES2: &[u8] = rsadsi!(1, 5, 13);
const PBKDF2: &[u8] = rsadsi!(1, 5, 12);
const PBMAC1: &[u8] = rsadsi!(1, 5, 14);
const DES_EDE3_CBC: &[u8] = rsadsi!(3, 7);
const AES128_CBC: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 2];
const AES192_CBC: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 22];
const AES256_CBC: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 1, 42];

const HASHES: &[(&[u8], Hash)] = &[
    (&[0x2b, 0x0e, 3, 2, 26], SHA1),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1], SHA256),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2], SHA384),
    (&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3], SHA512),
];
const HMACS: &[(&[u8], Hash)] =
    &[(rsadsi!(2, 7), SHA1), (rsadsi!(2, 9), SHA256), (rsadsi!(2, 10), SHA384), (rsadsi!(2, 11), SHA512)];

#[derive(Clone, Copy)]
enum Cipher {
    Aes128,
    Aes192,
    Aes256,
    TripleDes,
    /// Two keys, the first used twice.
    TripleDes2,
    /// Of this many bytes.
    Rc2(usize),
}

/// The schemes of PKCS#12 that are done here.
const PKCS12: &[(&[u8], Cipher)] = &[
    (rsadsi!(1, 12, 1, 3), Cipher::TripleDes),
    (rsadsi!(1, 12, 1, 4), Cipher::TripleDes2),
    (rsadsi!(1, 12, 1, 5), Cipher::Rc2(16)),
    (rsadsi!(1, 12, 1, 6), Cipher::Rc2(5)),
];

/// How long the keys of PBMAC1 are, in bytes; RFC 9579 forbids shorter ones, and longer ones are no
/// stronger.
const MAC_KEYS: std::ops::RangeInclusive<usize> = 20..=128;

/// Names for what is not.
const NAMES: &[(&[u8], &str)] = &[
    (rsadsi!(1, 12, 1, 1), "RC4 with 128 bits"),
    (rsadsi!(1, 12, 1, 2), "RC4 with 40 bits"),
    (rsadsi!(1, 5, 1), "MD2 with DES"),
    (rsadsi!(1, 5, 3), "MD5 with DES"),
    (rsadsi!(1, 5, 6), "MD5 with RC2"),
    (rsadsi!(1, 5, 10), "SHA-1 with DES"),
    (rsadsi!(1, 5, 11), "SHA-1 with RC2"),
    (rsadsi!(2, 5), "MD5"),
    (rsadsi!(2, 8), "SHA-224"),
    (rsadsi!(3, 2), "RC2 with PBES2"),
    (&[0x2b, 6, 1, 4, 1, 0xda, 0x47, 4, 11], "scrypt"),
    (&[0x2b, 0x0e, 3, 2, 7], "DES"),
];

fn unsupported(oid: &[u8]) -> KeyFileError {
    let name = NAMES.iter().find(|(known, _)| *known == oid).map(|(_, name)| (*name).to_owned());
    let name = name.unwrap_or_else(|| format!("the algorithm {}", ber::dotted(oid)));
    KeyFileError::Unsupported(format!("its encryption ({name})"))
}

fn known<T: Copy>(table: &[(&[u8], T)], oid: &[u8]) -> Result<T> {
    table.iter().find(|(known, _)| *known == oid).map(|(_, value)| *value).ok_or_else(|| unsupported(oid))
}

const BAD_ALGORITHM: KeyFileError = KeyFileError::Damaged("an algorithm's parameters");

/// The identifier and the parameters of an AlgorithmIdentifier's content.
fn algorithm(content: &[u8]) -> Option<(&[u8], Reader<'_>)> {
    let mut reader = Reader::new(content);
    let oid = reader.take(ber::OID)?;
    Some((oid, reader))
}

/// Decrypts what an AlgorithmIdentifier (its content) says how to. [`KeyFileError::WrongPassword`] where the
/// padding of what comes out makes no sense.
pub(super) fn decrypt(
    scheme: &[u8],
    ciphertext: &[u8],
    password: &Password,
    budget: &mut Budget,
) -> Result<Zeroizing<Vec<u8>>> {
    let (oid, mut parameters) = algorithm(scheme).ok_or(BAD_ALGORITHM)?;
    if oid == PBES2 {
        let mut parameters = parameters.enter(ber::SEQUENCE).ok_or(BAD_ALGORITHM)?;
        let derivation = parameters.take(ber::SEQUENCE).ok_or(BAD_ALGORITHM)?;
        let (oid, mut parameters) =
            parameters.take(ber::SEQUENCE).and_then(algorithm).ok_or(BAD_ALGORITHM)?;
        let cipher = match oid {
            AES128_CBC => Cipher::Aes128,
            AES192_CBC => Cipher::Aes192,
            AES256_CBC => Cipher::Aes256,
            DES_EDE3_CBC => Cipher::TripleDes,
            _ => return Err(unsupported(oid)),
        };
        let iv = parameters.take(ber::OCTET_STRING).ok_or(BAD_ALGORITHM)?;
        let key = pbkdf2(derivation, Some(cipher.key_length()), password, budget)?;
        return cipher.decrypt(&key, iv, ciphertext);
    }
    let cipher = known(PKCS12, oid)?;
    let mut parameters = parameters.enter(ber::SEQUENCE).ok_or(BAD_ALGORITHM)?;
    let salt = parameters.take(ber::OCTET_STRING).ok_or(BAD_ALGORITHM)?;
    let iterations = budget.spend(parameters.number().ok_or(BAD_ALGORITHM)?)?;
    let derive = |id, length| pkcs12_key(SHA1, id, &password.bmp, salt, iterations, length);
    cipher.decrypt(&derive(1, cipher.key_length()), &derive(2, 8), ciphertext)
}

impl Cipher {
    fn key_length(self) -> usize {
        match self {
            Self::Aes128 | Self::TripleDes2 => 16,
            Self::Aes192 | Self::TripleDes => 24,
            Self::Aes256 => 32,
            Self::Rc2(length) => length,
        }
    }

    fn decrypt(self, key: &[u8], iv: &[u8], ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        match self {
            Self::Aes128 => cbc_decrypt(Aes128::new_from_slice(key).ok(), iv, ciphertext),
            Self::Aes192 => cbc_decrypt(Aes192::new_from_slice(key).ok(), iv, ciphertext),
            Self::Aes256 => cbc_decrypt(Aes256::new_from_slice(key).ok(), iv, ciphertext),
            Self::TripleDes => cbc_decrypt(TdesEde3::new_from_slice(key).ok(), iv, ciphertext),
            Self::TripleDes2 => {
                let three: Zeroizing<Vec<u8>> =
                    Zeroizing::new(key.iter().chain(key).copied().take(24).collect());
                cbc_decrypt(TdesEde3::new_from_slice(&three).ok(), iv, ciphertext)
            }
            Self::Rc2(length) => {
                cbc_decrypt(Some(Rc2::new_with_eff_key_len(key, length * 8)), iv, ciphertext)
            }
        }
    }
}

fn cbc_decrypt<C: BlockCipherDecrypt>(
    cipher: Option<C>,
    iv: &[u8],
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    let decryptor =
        cipher.and_then(|cipher| Decryptor::inner_iv_slice_init(cipher, iv).ok()).ok_or(BAD_ALGORITHM)?;
    if ciphertext.is_empty() || !ciphertext.len().is_multiple_of(C::block_size()) {
        return Err(KeyFileError::Damaged("its encrypted part has an odd length"));
    }
    let mut buffer = Zeroizing::new(ciphertext.to_vec());
    let length =
        decryptor.decrypt_padded::<Pkcs7>(&mut buffer).map_err(|_| KeyFileError::WrongPassword)?.len();
    buffer.truncate(length);
    Ok(buffer)
}

/// The key of a PBKDF2 AlgorithmIdentifier's content (RFC 8018 appendix A.2), of `length` bytes; without, of
/// the length that it must say itself then.
fn pbkdf2(
    content: &[u8],
    length: Option<usize>,
    password: &Password,
    budget: &mut Budget,
) -> Result<Zeroizing<Vec<u8>>> {
    let (oid, mut parameters) = algorithm(content).ok_or(BAD_ALGORITHM)?;
    if oid != PBKDF2 {
        return Err(unsupported(oid));
    }
    let mut parameters = parameters.enter(ber::SEQUENCE).ok_or(BAD_ALGORITHM)?;
    let salt = parameters.take(ber::OCTET_STRING).ok_or(BAD_ALGORITHM)?;
    let iterations = budget.spend(parameters.number().ok_or(BAD_ALGORITHM)?)?;
    let mut after = parameters;
    let said = after.number();
    if said.is_some() {
        parameters = after;
    }
    let hash = match parameters.optional(ber::SEQUENCE) {
        Some(prf) => known(HMACS, algorithm(prf).ok_or(BAD_ALGORITHM)?.0)?,
        None => SHA1,
    };
    let iterations = NonZeroU32::new(iterations).ok_or(BAD_ALGORITHM)?;
    let said = said.and_then(|said| usize::try_from(said).ok()).filter(|said| MAC_KEYS.contains(said));
    let length = length.or(said).ok_or(BAD_ALGORITHM)?;
    let mut key = Zeroizing::new(vec![0; length]);
    pbkdf2::derive(hash.pbkdf2, iterations, salt, &password.text, &mut key);
    Ok(key)
}

/// Checks the code that protects `data`, as a MacData (its content) gives it (RFC 7292 section 4; PBMAC1:
/// RFC 9579).
pub(super) fn has_mac(
    mac_data: &[u8],
    data: &[u8],
    password: &Password,
    budget: &mut Budget,
) -> Result<bool> {
    const BAD_MAC: KeyFileError = KeyFileError::Damaged("its integrity code");
    let mut mac_data = Reader::new(mac_data);
    let mut info = mac_data.enter(ber::SEQUENCE).ok_or(BAD_MAC)?;
    let (oid, mut parameters) = info.take(ber::SEQUENCE).and_then(algorithm).ok_or(BAD_MAC)?;
    let expected = info.take(ber::OCTET_STRING).ok_or(BAD_MAC)?;
    let (hash, key) = if oid == PBMAC1 {
        let mut parameters = parameters.enter(ber::SEQUENCE).ok_or(BAD_MAC)?;
        let derivation = parameters.take(ber::SEQUENCE).ok_or(BAD_MAC)?;
        let scheme = parameters.take(ber::SEQUENCE).and_then(algorithm).ok_or(BAD_MAC)?;
        let hash = known(HMACS, scheme.0)?;
        (hash, pbkdf2(derivation, None, password, budget)?)
    } else {
        let hash = known(HASHES, oid)?;
        let salt = mac_data.take(ber::OCTET_STRING).ok_or(BAD_MAC)?;
        let iterations = if mac_data.is_empty() { 1 } else { mac_data.number().ok_or(BAD_MAC)? };
        let iterations = budget.spend(iterations)?;
        (hash, pkcs12_key(hash, 3, &password.bmp, salt, iterations, hash.digest.output_len()))
    };
    Ok(hmac::verify(&hmac::Key::new(hash.hmac, &key), data, expected).is_ok())
}

/// The key derivation of PKCS#12 (RFC 7292 appendix B.2): `id` 1 makes a key, 2 an initialisation vector,
/// 3 a MAC's key.
fn pkcs12_key(
    hash: Hash,
    id: u8,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    length: usize,
) -> Zeroizing<Vec<u8>> {
    let block = hash.digest.block_len();
    let filled = |bytes: &[u8]| -> Vec<u8> {
        bytes.iter().copied().cycle().take(bytes.len().div_ceil(block) * block).collect()
    };
    let mut input = Zeroizing::new([filled(salt), filled(password)].concat());
    let mut key = Zeroizing::new(Vec::with_capacity(length));
    loop {
        let mut context = digest::Context::new(hash.digest);
        context.update(&vec![id; block]);
        context.update(&input);
        let mut round = context.finish();
        for _ in 1..iterations {
            round = digest::digest(hash.digest, round.as_ref());
        }
        let missing = length - key.len();
        key.extend(round.as_ref().iter().take(missing));
        if key.len() == length {
            return key;
        }
        let addend: Vec<u8> = round.as_ref().iter().copied().cycle().take(block).collect();
        for chunk in input.chunks_mut(block) {
            add_plus_one(chunk, &addend);
        }
    }
}

/// `number += addend + 1`, big-endian, of the same length; what overflows is dropped.
fn add_plus_one(number: &mut [u8], addend: &[u8]) {
    let mut carry = 1_u16;
    for (digit, add) in number.iter_mut().zip(addend).rev() {
        let sum = u16::from(*digit) + u16::from(*add) + carry;
        *digit = u8::try_from(sum & 0xff).unwrap_or_default();
        carry = sum >> 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digit = |c: u8| u8::try_from(char::from(c).to_digit(16).unwrap()).unwrap();
        text.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
    }

    /// Known answers that implementations of PKCS#12 share ("smeg" and "queeg").
    #[test]
    fn the_key_derivation_of_pkcs12() {
        let smeg = Password::new("smeg").bmp;
        let queeg = Password::new("queeg").bmp;
        for (id, password, salt, iterations, expected) in [
            (1, &smeg, "0a58cf64530d823f", 1, "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3"),
            (2, &smeg, "0a58cf64530d823f", 1, "79993dfe048d3b76"),
            (1, &smeg, "642b99ab44fb4b1f", 1, "f3a95fec48d7711e985cfe67908c5ab79fa3d7c5caa5d966"),
            (2, &smeg, "642b99ab44fb4b1f", 1, "c0a38d64a79bea1d"),
            (3, &smeg, "3d83c0e4546ac140", 1, "8d967d88f6caa9d714800ab3d48051d63f73a312"),
            (1, &queeg, "05dec959acff72f7", 1000, "ed2034e36328830ff09df1e1a07dd357185dac0d4f9eb3d4"),
            (2, &queeg, "05dec959acff72f7", 1000, "11dedad7758d4860"),
            (3, &queeg, "263216fcc2fab31c", 1000, "5ec4c7a80df652294c3925b6489a7ab857c83476"),
        ] {
            let expected = hex(expected);
            assert_eq!(
                *pkcs12_key(SHA1, id, password, &hex(salt), iterations, expected.len()),
                expected,
                "{salt}"
            );
        }
    }

    #[test]
    fn rounds_are_bounded_in_all() {
        let mut budget = Budget::new();
        assert_eq!(budget.spend(1 << 31), Err(KeyFileError::Iterations(1 << 31)));
        assert_eq!(budget.spend(0), Err(KeyFileError::Damaged("its key derivation has no rounds")));
        assert_eq!(budget.spend(6_000_000), Ok(6_000_000));
        assert_eq!(budget.spend(6_000_000), Err(KeyFileError::Iterations(6_000_000)));
    }
}

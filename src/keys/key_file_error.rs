//! Why a file of keys cannot be used.

use crate::error::Error;

/// What is wrong with a file of keys and certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyFileError {
    /// Its structure is broken; where.
    Damaged(&'static str),
    /// A password is needed and none was given.
    NoPassword,
    /// The password does not open it.
    WrongPassword,
    /// Something that is not done here, by name.
    Unsupported(String),
    /// More rounds of key derivation than any honest file has.
    Iterations(u64),
    /// More of something than any honest file holds: what, how many, and how many are read.
    TooMany(&'static str, usize, usize),
    /// There is no private key in it.
    NoKey,
    /// There is no certificate in it.
    NoCertificate,
    /// No certificate is that of a key in it.
    NoMatch,
    /// Neither PFX nor PEM.
    UnknownFormat,
}

/// Rounds of key derivation that one file may cost in all: some seconds of work. Usual are 2,000 to
/// 600,000.
pub(super) const MAX_ITERATIONS: u64 = 10_000_000;

pub(super) type Result<T> = std::result::Result<T, KeyFileError>;

impl From<KeyFileError> for Error {
    fn from(flaw: KeyFileError) -> Self {
        const PASSWORD: &str = "pass --client-certificate-password or set AZURE_CLIENT_CERTIFICATE_PASSWORD";
        match flaw {
            KeyFileError::Damaged(what) => {
                Self::new(format!("it is damaged ({what})")).hint("export or download it again")
            }
            KeyFileError::NoPassword => {
                Self::new("it is protected by a password and none is given").hint(PASSWORD)
            }
            KeyFileError::WrongPassword => Self::new("the password is wrong").hint(PASSWORD),
            KeyFileError::Unsupported(what) => Self::new(format!("{what} is not supported"))
                .hint("export it again with an RSA key of 2048 to 8192 bits (or P-256) and AES encryption"),
            KeyFileError::Iterations(n) => Self::new(format!(
                "it asks for {n} rounds of key derivation; more than {MAX_ITERATIONS} are refused"
            )),
            KeyFileError::TooMany(what, n, most) => {
                Self::new(format!("it holds {n} {what}; more than {most} are refused"))
            }
            KeyFileError::NoKey => Self::new("there is no private key in it")
                .hint("use the PFX, or the PEM file that holds key and certificate"),
            KeyFileError::NoCertificate => Self::new("there is no certificate in it")
                .hint("put key and certificate into one PEM file, or use the PFX"),
            KeyFileError::NoMatch => Self::new("its private key belongs to none of its certificates"),
            KeyFileError::UnknownFormat => Self::new("it is neither PFX (PKCS#12) nor PEM"),
        }
    }
}

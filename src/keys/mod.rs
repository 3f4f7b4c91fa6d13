//! Private keys and certificates: reading them from files, and signing.
//!
//! Everything that is read here may be hostile: each reader is bounded, and none panics. Signing draws
//! its randomness (blinding, the salt of PSS) from the operating system through ring and getrandom.
//!
//! | file | owns |
//! |---|---|
//! | `ber` | ASN.1 elements |
//! | `pem` | PEM blocks |
//! | `pbe` | decryption by a password |
//! | `pfx` | the PKCS#12 container |
//! | `private_key`, `rsa_key` | keys and what they sign |
//! | `certificate` | what a sign-in needs to know of a certificate |
//! | `client_certificate` | a key together with its certificates, from one file |

pub mod ber;
pub mod certificate;
pub mod client_certificate;
mod key_file_error;
mod pbe;
mod pem;
mod pfx;
pub mod private_key;
pub mod rsa_key;

pub use certificate::Certificate;
pub use client_certificate::ClientCertificate;
pub use private_key::PrivateKey;
pub use rsa_key::RsaKey;

//! Whom to trust: `SSL_CERT_FILE` and `SSL_CERT_DIR` if set, else the system's store, else Mozilla's
//! roots, which are built in so that an empty container works; `--certificate-authority` adds to any.

use super::Settings;
use crate::context::Context;
use crate::error::{Error, Result};
use crate::sys::files::read_bounded;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::{Path, PathBuf};

/// The largest file of certificates that is read.
const MAX_BYTES: u64 = 16 << 20;

/// Where Unix systems keep their bundle; the first that is there counts.
#[cfg(not(any(windows, target_vendor = "apple")))]
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// What the environment and the flags say about trust.
pub struct Sources {
    file: Option<PathBuf>,
    folders: Vec<PathBuf>,
    extra: Vec<PathBuf>,
    data: Vec<Vec<u8>>,
    only_extra: bool,
}

impl Sources {
    /// ConnectionNotes them; nothing is read yet.
    pub fn new(ctx: &Context, settings: &Settings) -> Self {
        let has_own = !settings.extra_roots.is_empty() || !settings.root_data.is_empty();
        Self {
            file: ctx.env.path("SSL_CERT_FILE"),
            folders: ctx
                .env
                .os("SSL_CERT_DIR")
                .map_or_else(Vec::new, |dirs| std::env::split_paths(dirs).collect()),
            extra: settings.extra_roots.clone(),
            data: settings.root_data.clone(),
            only_extra: settings.only_these_roots && has_own,
        }
    }

    /// Reads the roots.
    ///
    /// # Errors
    /// A file that was named and cannot be read or holds no certificate.
    pub fn load(&self) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        if self.only_extra {
            // Nothing else.
        } else if self.file.is_some() || !self.folders.is_empty() {
            if let Some(file) = &self.file {
                add_file(&mut roots, file, "SSL_CERT_FILE")?;
            }
            for folder in &self.folders {
                add_folder(&mut roots, folder);
            }
            if roots.is_empty() {
                return Err(Error::new("SSL_CERT_DIR names no folder with certificates"));
            }
        } else {
            add_system(&mut roots);
            if roots.is_empty() {
                roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
            }
        }
        for file in &self.extra {
            add_file(&mut roots, file, "--certificate-authority")?;
        }
        for pem in &self.data {
            if add_pem(&mut roots, pem) == 0 {
                return Err(Error::new("--certificate-authority-data holds no certificate in PEM"));
            }
        }
        Ok(roots)
    }
}

fn add_file(roots: &mut RootCertStore, path: &Path, named_by: &str) -> Result<()> {
    let failed = |why: &str| Error::new(format!("cannot use {} ({named_by}): {why}", path.display()));
    let pem = read_bounded(path, MAX_BYTES).map_err(|e| failed(&e.to_string()))?;
    match add_pem(roots, &pem) {
        0 => Err(failed("it holds no certificate in PEM")
            .hint("a company proxy's root goes there in PEM form (-----BEGIN CERTIFICATE-----)")),
        _ => Ok(()),
    }
}

/// Whether a PEM text has a certificate that can be a root.
pub fn has_certificate(pem: &[u8]) -> bool {
    add_pem(&mut RootCertStore::empty(), pem) > 0
}

/// Adds every certificate of a PEM text that can be read; returns how many.
fn add_pem(roots: &mut RootCertStore, pem: &[u8]) -> usize {
    // One odd certificate in a bundle must not take the others with it.
    let certificates = CertificateDer::pem_slice_iter(pem).filter_map(std::result::Result::ok);
    roots.add_parsable_certificates(certificates).0
}

/// A folder as OpenSSL's `c_rehash` makes it: every file in it that holds certificates counts.
fn add_folder(roots: &mut RootCertStore, folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if let Ok(pem) = read_bounded(&entry.path(), MAX_BYTES) {
            add_pem(roots, &pem);
        }
    }
}

#[cfg(not(any(windows, target_vendor = "apple")))]
fn add_system(roots: &mut RootCertStore) {
    let found = BUNDLES
        .iter()
        .any(|bundle| read_bounded(Path::new(bundle), MAX_BYTES).is_ok_and(|pem| add_pem(roots, &pem) > 0));
    if !found {
        add_folder(roots, Path::new("/etc/ssl/certs"));
    }
}

#[cfg(any(windows, target_vendor = "apple"))]
fn add_system(roots: &mut RootCertStore) {
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
}

//! Keys and certificates made by the machine's own OpenSSL.

use super::TempDir;
use base64::Engine;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Runs `openssl` in a folder; `None` (and a line) where the machine has none.
pub fn try_openssl(folder: &Path, args: &[&str]) -> Result<Vec<u8>, String> {
    let output =
        Command::new("openssl").args(args).current_dir(folder).output().map_err(|e| e.to_string())?;
    if !output.status.success() {
        return Err(format!("openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(output.stdout)
}

/// Whether there is an `openssl` to run; reports a skip if not.
pub fn is_there() -> bool {
    let there = Command::new("openssl").arg("version").output().is_ok();
    if !there {
        crate::support::skip("openssl");
    }
    there
}

/// A key with its certificate: `key.pem` (PKCS#8) and `cert.pem` in a folder.
pub struct Identity {
    folder: TempDir,
}

impl Identity {
    pub fn rsa() -> Self {
        Self::new(&["-newkey", "rsa:2048"])
    }

    pub fn p256() -> Self {
        Self::new(&["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"])
    }

    /// With a key of these arguments of `openssl req`; valid for a month.
    pub fn new(key: &[&str]) -> Self {
        let identity = Self { folder: TempDir::new() };
        identity.openssl(
            &[
                &["req", "-x509", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "30"],
                &["-subj", "/CN=app"][..],
                key,
            ]
            .concat(),
        );
        identity
    }

    /// Key and certificate in one file, the certificate with these dates (`YYYYMMDDHHMMSSZ`): `openssl ca` is
    /// the only one that can date back.
    pub fn dated(&self, from: &str, until: &str) -> PathBuf {
        self.openssl(&["req", "-new", "-key", "key.pem", "-subj", "/CN=app", "-out", "app.csr"]);
        self.file("index", "");
        self.file("serial", "01");
        self.file("ca.conf", "[ca]\ndefault_ca=c\n[c]\ndatabase=index\nnew_certs_dir=.\nserial=serial\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n");
        let ca = ["ca", "-batch", "-notext", "-config", "ca.conf", "-selfsign", "-keyfile", "key.pem"];
        let files = ["-in", "app.csr", "-out", "dated.pem", "-startdate", from, "-enddate", until];
        self.openssl(&[&ca[..], &files].concat());
        self.file("dated-pair.pem", [self.read("key.pem"), self.read("dated.pem")].concat())
    }

    /// From a key file of the test data.
    pub fn of_key(pem: &[u8]) -> Self {
        let identity = Self { folder: TempDir::new() };
        identity.folder.file("key.pem", pem);
        identity.openssl(&[
            "req", "-x509", "-key", "key.pem", "-out", "cert.pem", "-days", "30", "-subj", "/CN=app",
        ]);
        identity
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.file(name, content);
        make_private(&path);
        path
    }

    #[track_caller]
    pub fn openssl(&self, args: &[&str]) -> Vec<u8> {
        try_openssl(self.folder.path(), args).unwrap()
    }

    /// Key and certificate in one PEM file.
    pub fn pem(&self) -> PathBuf {
        self.file("both.pem", [self.read("key.pem"), self.read("cert.pem")].concat())
    }

    /// A PFX with these arguments of `openssl pkcs12 -export`; its password comes from the environment, so
    /// that it may be any bytes.
    pub fn pfx(&self, name: &str, password: &[u8], args: &[&str]) -> PathBuf {
        use std::os::unix::ffi::OsStrExt;
        let output = Command::new("openssl")
            .args(["pkcs12", "-export", "-inkey", "key.pem", "-in", "cert.pem", "-out", name])
            .args(["-passout", "env:PFX_PASSWORD"])
            .args(args)
            .env("PFX_PASSWORD", std::ffi::OsStr::from_bytes(password))
            .current_dir(self.folder.path())
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        let path = self.path(name);
        make_private(&path);
        path
    }

    pub fn registration(&self) -> Registration {
        Registration::of(&self.read("cert.pem"))
    }
}

fn make_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// A certificate as an app's registration knows it; its key was read by OpenSSL, not by us.
#[derive(Clone)]
pub struct Registration {
    /// The certificate.
    pub der: Vec<u8>,
    pub public_key: PublicKey,
    /// Those above it, which have to come along; none by default.
    pub chain: Vec<Vec<u8>>,
}

#[derive(Clone)]
pub enum PublicKey {
    /// RSAPublicKey (RFC 8017).
    Rsa(Vec<u8>),
    /// The uncompressed point.
    P256(Vec<u8>),
}

impl Registration {
    pub fn of(pem: &[u8]) -> Self {
        let folder = TempDir::new();
        folder.file("cert.pem", pem);
        let openssl = |args: &[&str]| try_openssl(folder.path(), args).unwrap();
        let spki = openssl(&["x509", "-in", "cert.pem", "-noout", "-pubkey"]);
        folder.file("public.pem", &spki);
        let der = decode(&spki);
        let public_key = if der.len() == 91 {
            PublicKey::P256(der[26..].to_vec())
        } else {
            PublicKey::Rsa(openssl(&[
                "rsa",
                "-pubin",
                "-in",
                "public.pem",
                "-RSAPublicKey_out",
                "-outform",
                "DER",
            ]))
        };
        Self { der: decode(pem), public_key, chain: Vec::new() }
    }
}

/// What the first PEM block holds.
pub fn decode(pem: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(pem).unwrap();
    let body = text.split("-----").nth(2).unwrap();
    let body: String = body.split_ascii_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(body).unwrap()
}

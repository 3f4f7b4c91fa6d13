//! A throwaway certificate authority.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;

pub struct Ca(CertifiedIssuer<'static, KeyPair>);

/// What is wrong with a server's certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Leaf {
    Good,
    OtherName,
    Expired,
}

/// This machine, and hosts for which a proxy of a test answers.
const GOOD_NAMES: &[&str] = &[
    "localhost",
    "127.0.0.1",
    "::1",
    "240.0.0.1",
    "fd12::1",
    "login.test",
    "login.microsoftonline.com",
    "login.chinacloudapi.cn",
    "login.microsoftonline.us",
    "adfs.local.azurestack.external",
];

impl Ca {
    pub fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, name);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap())
    }

    /// A server's TLS with an authority's own certificate, and that in PEM.
    pub fn self_signed() -> (Arc<ServerConfig>, String) {
        let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        (tls(certificate.der().clone(), &key), certificate.pem())
    }

    /// The root, for SSL_CERT_FILE.
    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server's TLS with a certificate for this machine's loopback names.
    pub fn server(&self, leaf: Leaf) -> Arc<ServerConfig> {
        self.server_and_der(leaf).0
    }

    /// The key and the certificate of a server for this machine, in PEM.
    pub fn server_pem(&self) -> (String, String) {
        let names: Vec<String> = GOOD_NAMES.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.0).unwrap();
        (key.serialize_pem(), certificate.pem())
    }

    /// The same, with the certificate.
    pub fn server_and_der(&self, leaf: Leaf) -> (Arc<ServerConfig>, Vec<u8>) {
        let names = match leaf {
            Leaf::OtherName => vec!["other.example".to_owned()],
            _ => GOOD_NAMES.iter().map(|name| (*name).to_owned()).collect(),
        };
        let mut parameters = CertificateParams::new(names).unwrap();
        if leaf == Leaf::Expired {
            parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
            parameters.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.signed_by(&key, &self.0).unwrap();
        (tls(certificate.der().clone(), &key), certificate.der().to_vec())
    }
}

fn tls(certificate: CertificateDer<'static>, key: &KeyPair) -> Arc<ServerConfig> {
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    Arc::new(config)
}

//! Who a server's certificate is believed from: rustls' own verification with the issuer kept for the
//! message, or one pinned certificate.

use super::failure::ConnectionNotes;
use crate::keys::certificate::issuer_name;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, SignatureScheme};
use sha1::{Digest, Sha1};
use std::sync::Arc;

/// rustls' verifier, which remembers the issuer of the certificate that it saw.
#[derive(Debug)]
pub struct IssuerRecorder {
    inner: Arc<WebPkiServerVerifier>,
    notes: ConnectionNotes,
}

impl IssuerRecorder {
    /// Wraps rustls' verifier.
    pub fn new(inner: Arc<WebPkiServerVerifier>, notes: ConnectionNotes) -> Self {
        Self { inner, notes }
    }
}

impl ServerCertVerifier for IssuerRecorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        self.notes.set_issuer(issuer_name(intermediates.last().unwrap_or(end_entity)));
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Accepts the one certificate of this SHA-1, of any issuer and name, and only from
/// the holder of its key.
///
/// Service Fabric's token service has a self-signed certificate and names it by its SHA-1 thumbprint
/// (learn.microsoft.com, "How to leverage a Service Fabric application's managed identity").
#[derive(Debug)]
pub struct Pinned {
    /// `None`: any certificate.
    sha1: Option<[u8; 20]>,
    provider: Arc<CryptoProvider>,
}

impl Pinned {
    /// Accepts the certificate of this thumbprint.
    pub fn new(sha1: [u8; 20], provider: Arc<CryptoProvider>) -> Self {
        Self { sha1: Some(sha1), provider }
    }

    /// Accepts any certificate, as the user has asked for.
    pub fn any(provider: Arc<CryptoProvider>) -> Self {
        Self { sha1: None, provider }
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.sha1.is_none_or(|sha1| Sha1::digest(end_entity).as_slice() == sha1) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(CertificateError::ApplicationVerificationFailure.into())
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

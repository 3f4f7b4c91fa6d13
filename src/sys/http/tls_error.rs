//! Why a TLS connection failed, in words: the only home of its remedies. What rustls prints are its own identifiers.

use crate::error::Error;
use rustls::{AlertDescription, CertificateError, PeerIncompatible};

const OWN_ROOT: &str = "if that is your company's proxy, put its root certificate (PEM) into a file and name it in SSL_CERT_FILE or --certificate-authority";
const CLOCK: &str = "check this machine's clock";
const RENEW: &str = "check this machine's clock; if it is right, the service has to renew its certificate";
const OTHER_HOST: &str = "check the authority's address; a proxy that intercepts TLS may have answered";
const REPLACE: &str = "the service needs a certificate for servers with a current algorithm";
const AUTHORITY_S_OWN: &str = "the service needs a certificate of its own that this authority has issued; to make one that is self-signed, add basicConstraints=CA:FALSE";
const PORT: &str = "check address and port of the authority";
const OLD_TLS: &str = "the service, or a proxy in front of it, has to be updated: TLS 1.2 or 1.3 is needed";
const CLIENT_CERTIFICATE: &str =
    "kubelogin shows no certificate of its own in TLS: reach the service another way";

/// The error to show. `via` names the proxy, `issuer` the issuer of the certificate that the server has shown.
pub fn explain(error: &rustls::Error, host: &str, via: &str, issuer: Option<&str>) -> Error {
    let peer = format!("{host}{via}");
    let (message, hint) = match error {
        rustls::Error::InvalidCertificate(why) => {
            let issuer = match issuer {
                Some(issuer) => format!("issued by \"{issuer}\""),
                None => "of an unknown issuer".to_owned(),
            };
            let (why, hint) = certificate(why);
            let subject = match why.starts_with("is not the one that") {
                true => format!("the TLS certificate of {peer}"),
                false => format!("the TLS certificate of {peer}, {issuer},"),
            };
            (format!("{subject} {why}"), hint)
        }
        rustls::Error::InvalidMessage(_) => (format!("{peer} does not speak TLS on this port"), Some(PORT)),
        rustls::Error::AlertReceived(alert) => {
            let (why, hint) = self::alert(*alert);
            (format!("{peer} refused the TLS connection: {why}"), hint)
        }
        rustls::Error::PeerIncompatible(why) => {
            let (why, hint) = incompatible(why);
            (format!("no TLS connection to {peer}: {why}"), hint)
        }
        rustls::Error::NoCertificatesPresented => {
            (format!("no TLS connection to {peer}: it has shown no certificate"), None)
        }
        rustls::Error::General(why) => (format!("no TLS connection to {peer}: {why}"), None),
        other => (format!("no TLS connection to {peer}: {}", words(&format!("{other:?}"))), Some(PORT)),
    };
    hint.into_iter().fold(Error::new(message), Error::hint)
}

/// What is wrong with a certificate, as the end of a sentence.
fn certificate(error: &CertificateError) -> (String, Option<&'static str>) {
    use CertificateError as E;
    let (why, hint) = match error {
        E::UnknownIssuer => ("is not trusted", OWN_ROOT),
        E::Expired | E::ExpiredContext { .. } => ("has expired", RENEW),
        E::NotValidYet | E::NotValidYetContext { .. } => ("is not valid yet", CLOCK),
        E::NotValidForName | E::NotValidForNameContext { .. } => ("is for another host name", OTHER_HOST),
        E::ApplicationVerificationFailure => {
            return ("is not the one that IDENTITY_SERVER_THUMBPRINT names".to_owned(), None);
        }
        E::Revoked => ("has been revoked", "the service has to get a new one"),
        E::BadEncoding => ("cannot be read", REPLACE),
        E::BadSignature => ("has a signature that is wrong", OTHER_HOST),
        E::UnhandledCriticalExtension => ("has an extension that is not supported", REPLACE),
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => ("is not for servers", REPLACE),
        E::UnsupportedSignatureAlgorithmContext { .. }
        | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            ("is signed with an algorithm that is not supported, such as SHA-1", REPLACE)
        }
        E::Other(other) => {
            // rustls hands on its verifier's error, which has only identifiers.
            return match other.to_string().as_str() {
                name if name.contains("CaUsedAsEndEntity") => (
                    "is a certificate authority's own, and not one of a server".to_owned(),
                    Some(AUTHORITY_S_OWN),
                ),
                name => (format!("cannot be used: {}", words(name)), Some(REPLACE)),
            };
        }
        other => return (format!("cannot be used: {}", words(&format!("{other:?}"))), Some(REPLACE)),
    };
    (why.to_owned(), Some(hint))
}

/// What the server said when it closed the connection (RFC 8446 section 6).
fn alert(alert: AlertDescription) -> (String, Option<&'static str>) {
    use AlertDescription as A;
    let (why, hint) = match alert {
        A::HandshakeFailure | A::InsufficientSecurity => {
            ("it accepts none of this program's algorithms", Some(OLD_TLS))
        }
        A::ProtocolVersion => ("it accepts no TLS version of this program's", Some(OLD_TLS)),
        A::CertificateRequired | A::BadCertificate | A::NoCertificate => {
            ("it wants a client's certificate", Some(CLIENT_CERTIFICATE))
        }
        A::UnrecognisedName => ("it does not know this host name", Some(OTHER_HOST)),
        A::AccessDenied => ("it denies access", None),
        A::InternalError => ("it has an error of its own", Some("try again later")),
        A::Unknown(code) => return (format!("it gave the number {code} as its reason"), None),
        other => return (words(&format!("{other:?}")), None),
    };
    (why.to_owned(), hint)
}

fn incompatible(error: &PeerIncompatible) -> (String, Option<&'static str>) {
    use PeerIncompatible as P;
    let (why, hint) = match error {
        P::ServerDoesNotSupportTls12Or13 | P::Tls12NotOffered | P::Tls12NotOfferedOrEnabled => {
            ("it speaks only versions of TLS older than 1.2", Some(OLD_TLS))
        }
        P::NoCipherSuitesInCommon | P::NoKxGroupsInCommon | P::NoSignatureSchemesInCommon => {
            ("it has no algorithm in common with this program", Some(OLD_TLS))
        }
        other => return (words(&format!("{other:?}")), Some(OLD_TLS)),
    };
    (why.to_owned(), hint)
}

/// The words of an identifier such as `PathLenConstraintViolated`, without what follows it.
fn words(identifier: &str) -> String {
    let mut text = String::new();
    for c in identifier.chars().take_while(char::is_ascii_alphanumeric) {
        if c.is_ascii_uppercase()
            && text.ends_with(|last: char| last.is_ascii_lowercase() || last.is_ascii_digit())
        {
            text.push(' ');
        }
        text.push(c.to_ascii_lowercase());
    }
    if text.is_empty() { "an unknown error".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::{InvalidMessage, OtherError, PeerMisbehaved};
    use std::sync::Arc;

    #[derive(Debug)]
    struct Named(&'static str);

    impl std::fmt::Display for Named {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl std::error::Error for Named {}

    fn text(error: impl Into<rustls::Error>) -> String {
        explain(&error.into(), "host", "", Some("Root")).to_string()
    }

    fn named(name: &'static str) -> CertificateError {
        CertificateError::Other(OtherError(Arc::new(Named(name))))
    }

    #[test]
    fn no_error_shows_an_identifier() {
        let name = rustls::pki_types::ServerName::try_from("a.example").unwrap();
        let time = rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(1));
        let mut all: Vec<rustls::Error> = vec![
            CertificateError::UnknownIssuer.into(),
            CertificateError::ExpiredContext { time, not_after: time }.into(),
            CertificateError::NotValidForNameContext { expected: name, presented: vec!["x".to_owned()] }
                .into(),
            CertificateError::InvalidPurpose.into(),
            CertificateError::UnknownRevocationStatus.into(),
            CertificateError::InvalidOcspResponse.into(),
            CertificateError::BadSignature.into(),
            CertificateError::BadEncoding.into(),
            CertificateError::Revoked.into(),
            CertificateError::UnhandledCriticalExtension.into(),
            named("CaUsedAsEndEntity").into(),
            named("PathLenConstraintViolated").into(),
            named("Other(Deep(X))").into(),
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType),
            rustls::Error::PeerMisbehaved(PeerMisbehaved::TooMuchEarlyDataReceived),
            rustls::Error::NoCertificatesPresented,
            rustls::Error::DecryptError,
            rustls::Error::PeerSentOversizedRecord,
            rustls::Error::FailedToGetCurrentTime,
            rustls::Error::General("it is late".to_owned()),
            PeerIncompatible::ServerDoesNotSupportTls12Or13.into(),
            PeerIncompatible::NoCipherSuitesInCommon.into(),
            PeerIncompatible::UncompressedEcPointsRequired.into(),
        ];
        all.extend((0..=255).map(|code| rustls::Error::AlertReceived(AlertDescription::from(code))));
        for error in all {
            let text = text(error);
            let text = text.lines().next().unwrap();
            let is_identifier = |word: &str| {
                word.as_bytes()
                    .windows(2)
                    .any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
            };
            assert!(!text.split(' ').any(is_identifier), "{text}");
            assert!(!text.contains(['{', '(']), "{text}");
        }
    }

    #[test]
    fn the_frequent_ones_say_what_to_do() {
        for (error, words) in [
            (named("CaUsedAsEndEntity").into(), "authority's own"),
            (named("PathLenConstraintViolated").into(), "cannot be used: path len constraint violated"),
            (rustls::Error::AlertReceived(AlertDescription::ProtocolVersion), "TLS 1.2 or 1.3 is needed"),
            (
                rustls::Error::AlertReceived(AlertDescription::CertificateRequired),
                "wants a client's certificate",
            ),
            (rustls::Error::AlertReceived(AlertDescription::UserCanceled), "TLS connection: user canceled"),
            (rustls::Error::AlertReceived(AlertDescription::from(200)), "the number 200"),
        ] {
            let text = text(error);
            assert!(text.contains(words), "{text}");
        }
    }
}

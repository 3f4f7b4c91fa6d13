//! Files of `--client-certificate`: what an opened one signs, the key in its certificate verifies.

#![no_main]

use kubelogin::keys::ClientCertificate;
use kubelogin::keys::ber::{BIT_STRING, Reader, SEQUENCE, context};
use kubelogin::keys::private_key::Algorithm;
use kubelogin::secret::Secret;
use libfuzzer_sys::fuzz_target;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};

fuzz_target!(|data: &[u8]| {
    // As the seeds are encrypted.
    for password in ["", "x"] {
        if let Ok(opened) = ClientCertificate::read(data, &Secret::from(password), 1_767_323_045) {
            let algorithm = opened.algorithm(false).expect("every kind of key has a modern algorithm");
            let verification: &dyn VerificationAlgorithm = match algorithm {
                Algorithm::Es256 => &ECDSA_P256_SHA256_FIXED,
                _ => &RSA_PSS_2048_8192_SHA256,
            };
            // A key whose numbers contradict each other may sign nothing, but not something wrong.
            if let Ok(signature) = opened.sign(algorithm, b"message") {
                let key = public_key(&opened.certificate.der).expect("it has been read once");
                let verified = UnparsedPublicKey::new(verification, key).verify(b"message", &signature);
                assert!(verified.is_ok());
            }
            let _ = opened.certificate.described();
        }
    }
});

/// The bits of a certificate's subjectPublicKey (RFC 5280 section 4.1).
fn public_key(certificate: &[u8]) -> Option<&[u8]> {
    let mut fields = Reader::new(certificate).enter(SEQUENCE)?.enter(SEQUENCE)?;
    fields.optional(context(0));
    // Serial number, algorithm, issuer, validity, subject.
    for _ in 0..5 {
        fields.any()?;
    }
    let mut info = fields.enter(SEQUENCE)?;
    info.any()?;
    info.take(BIT_STRING)?.strip_prefix(&[0])
}

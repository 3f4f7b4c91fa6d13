//! Files of `--client-certificate`: what is opened can sign.

#![no_main]

use kubelogin::keys::ClientCertificate;
use kubelogin::secret::Secret;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // As the seeds are encrypted.
    for password in ["", "x"] {
        if let Ok(opened) = ClientCertificate::read(data, &Secret::from(password), 1_767_323_045) {
            let algorithm = opened.algorithm(false).expect("every kind of key has a modern algorithm");
            assert!(opened.sign(algorithm, b"message").is_ok());
            let _ = opened.certificate.described();
        }
    }
});

//! `KUBERNETES_EXEC_INFO`.

#![no_main]

use kubelogin::context::Env;
use kubelogin::exec_credential::wanted_version;
use libfuzzer_sys::fuzz_target;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

fuzz_target!(|data: &[u8]| {
    let env: Env = [("KUBERNETES_EXEC_INFO", OsString::from_vec(data.to_vec()))].into_iter().collect();
    let _ = wanted_version(&env);
});

//! Command lines: no argument makes the parser panic, and what is read means something.

#![no_main]

use kubelogin::cli::options::Options;
use kubelogin::cli::parse::{parse, parse_exec_args};
use kubelogin::commands::completion::candidates::candidates;
use libfuzzer_sys::fuzz_target;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

fuzz_target!(|data: &[u8]| {
    let args: Vec<OsString> =
        data.split(|b| *b == b'\n').map(|arg| OsString::from_vec(arg.to_vec())).collect();
    let ctx = kubelogin_fuzz::context();
    if let Ok(given) = parse(&args) {
        let _ = Options::resolve(given, &ctx.env);
    }
    let _ = parse_exec_args(&args);
    let _ = candidates(&ctx, &args);
});

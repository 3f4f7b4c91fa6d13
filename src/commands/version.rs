//! `--version`: five lines in the original's form, because installers grep `git hash:` and `Platform:`.

/// The version text. The build passes hash, time and compiler in as environment variables (Makefile).
pub fn text() -> String {
    format!(
        "kubelogin version \ngit hash: v{}/{}\nGo version: none ({})\nBuild time: {}\nPlatform: {}/{}\n",
        env!("CARGO_PKG_VERSION"),
        option_env!("KUBELOGIN_GIT_HASH").unwrap_or("unknown"),
        option_env!("KUBELOGIN_RUSTC").unwrap_or("rustc"),
        option_env!("KUBELOGIN_BUILD_TIME").unwrap_or("unknown"),
        platform_os(),
        platform_arch(),
    )
}

/// The operating system under Go's name.
fn platform_os() -> &'static str {
    match std::env::consts::OS {
        "macos" => "darwin",
        os => os,
    }
}

/// The processor under Go's name.
fn platform_arch() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        arch => arch,
    }
}

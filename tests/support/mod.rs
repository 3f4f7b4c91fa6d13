//! The test suite's own world: certificate authority, TLS servers, a strict Entra ID, an API server, and a
//! builder over the real binary.

#![allow(dead_code)] // The demo and the tests each use a part.

pub mod api_server;
#[cfg(unix)]
pub mod az;
pub mod az_cloud;
pub mod ca;
pub mod entra;
pub mod http;
pub mod issuer;
pub mod kubelogin;
pub mod openssl;
pub mod people;
pub mod pop;
pub mod provider;
#[cfg(target_os = "linux")]
pub mod pty;
pub mod skip;
pub mod temp;
pub mod turned;

pub use api_server::ApiServer;
pub use ca::Ca;
pub use entra::Entra;
pub use kubelogin::Kubelogin;
pub use skip::skip;
pub use temp::TempDir;

/// Runs the cases of one test side by side: they wait for pauses and processes more than they compute.
///
/// # Panics
/// When one of them does.
pub fn side_by_side<T>(cases: impl IntoIterator<Item = T, IntoIter: Send>, run: impl Fn(T) + Sync)
where
    T: Send,
{
    let test = std::thread::current().name().unwrap_or("a test").to_owned();
    std::thread::scope(|scope| {
        for case in cases {
            let run = &run;
            // Under the test's name, which a panic and a skip show.
            std::thread::Builder::new().name(test.clone()).spawn_scoped(scope, move || run(case)).unwrap();
        }
    });
}

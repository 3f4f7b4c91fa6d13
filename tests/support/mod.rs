//! The test suite's own world: certificate authority, TLS servers, a strict Entra ID, an API server, and a
//! builder over the real binary.

#![allow(dead_code)] // The demo and the tests each use a part.

pub mod api_server;
pub mod ca;
pub mod entra;
pub mod http;
pub mod issuer;
pub mod kubelogin;
pub mod openssl;
pub mod people;
pub mod pop;
pub mod temp;

pub use api_server::ApiServer;
pub use ca::Ca;
pub use entra::Entra;
pub use kubelogin::Kubelogin;
pub use temp::TempDir;

//! What the fuzz targets share.

use kubelogin::context::{Context, Env};
use kubelogin::http::message::Response;

/// A world without environment and output.
pub fn context() -> Context {
    let sink = || Box::new(std::io::sink());
    Context::fake(&[], Env::default(), Context::real().clock, sink(), sink())
}

/// An answer with this body.
pub fn response(status: u16, body: &[u8]) -> Response {
    Response { status, headers: Vec::new(), body: body.to_vec(), request_id: "r".to_owned() }
}

//! How a connection is made: our resolver and TLS under ureq's agent.

use super::Settings;
use super::failure::ConnectionNotes;
use super::trust::Sources;
use super::tunnel::{Tunnel, remaining};
use super::verify;
use crate::context::Context;
use crate::sys::thread;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::fmt;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;
use ureq::http::{Request, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, SocksConnector, TcpConnector,
    Transport, TransportAdapter,
};

/// An agent that resolves names and speaks TLS our way.
pub fn agent(config: ureq::config::Config, tls: Tls) -> ureq::Agent {
    let chain =
        ().chain(SocksConnector::default())
            .chain(Tunnel::default())
            .chain(TcpConnector::default())
            .chain(tls);
    ureq::Agent::with_parts(config, chain, Ipv4FallbackResolver)
}

/// Sets a request's proxy and time limits.
pub fn configure<'b>(
    agent: &ureq::Agent,
    request: Request<&'b [u8]>,
    proxy: Option<ureq::Proxy>,
    exchange: Duration,
    connect: Duration,
) -> Request<&'b [u8]> {
    agent
        .configure_request(request)
        .proxy(proxy)
        .timeout_global(Some(exchange))
        .timeout_connect(Some(connect))
        .build()
}

/// Resolves names with a time limit, and once more for IPv4 alone when that fails: musl's resolver gives
/// up on the whole name when only its AAAA answer is broken, as it is behind many company resolvers.
#[derive(Debug)]
struct Ipv4FallbackResolver;

impl Resolver for Ipv4FallbackResolver {
    fn resolve(
        &self,
        uri: &Uri,
        _: &ureq::config::Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = bare_host(uri).ok_or_else(|| ureq::Error::BadUri(uri.to_string()))?.to_owned();
        let port = uri.port_u16().unwrap_or(match uri.scheme_str() {
            Some("http") => 80,
            Some("socks4" | "socks4a" | "socks5" | "socks5h") => 1080,
            _ => 443,
        });
        let mut addresses = self.empty();
        let found = match host.parse() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            // Whatever DNS says (RFC 6761 section 6.3): plain HTTP may go there.
            Err(_) if host.eq_ignore_ascii_case("localhost") => {
                [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)]
                    .map(|address| SocketAddr::new(address, port))
                    .to_vec()
            }
            Err(_) => resolve_within(host, port, &timeout)?,
        };
        for address in found.into_iter().take(16) {
            addresses.push(address);
        }
        if addresses.is_empty() {
            return Err(ureq::Error::HostNotFound);
        }
        Ok(addresses)
    }
}

/// The system's resolver has no time limit of its own to set, so it runs in a thread that may be left behind.
fn resolve_within(host: String, port: u16, timeout: &NextTimeout) -> Result<Vec<SocketAddr>, ureq::Error> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let name = host.clone();
    // Without a thread there is no time limit, which is better than no sign-in.
    if thread::spawn_resolver(move || sender.send(resolve(&name, port))).is_err() {
        return resolve(&host, port);
    }
    receiver.recv_timeout(*timeout.after).unwrap_or(Err(ureq::Error::Timeout(ureq::Timeout::Resolve)))
}

fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, ureq::Error> {
    match (host, port).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.collect()),
        Err(_) => {
            let hints = dns_lookup::AddrInfoHints {
                address: dns_lookup::AddrFamily::Inet.into(),
                socktype: dns_lookup::SockType::Stream.into(),
                ..Default::default()
            };
            let found = dns_lookup::getaddrinfo(Some(host), None, Some(hints))
                .map_err(|_| ureq::Error::HostNotFound)?;
            Ok(found.flatten().map(|info| SocketAddr::new(info.sockaddr.ip(), port)).collect())
        }
    }
}

/// The host without the brackets of an IPv6 address.
fn bare_host(uri: &Uri) -> Option<&str> {
    uri.host().map(|host| host.trim_start_matches('[').trim_end_matches(']'))
}

/// Wraps a connection in TLS where the address says https.
pub struct Tls {
    sources: Sources,
    pinned: Option<[u8; 20]>,
    skips_verification: bool,
    notes: ConnectionNotes,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Tls {
    /// Remembers whom to trust; certificates are read at the first connection.
    pub fn new(ctx: &Context, settings: &Settings, notes: ConnectionNotes) -> Self {
        let sources = Sources::new(ctx, settings);
        Self {
            sources,
            pinned: settings.pinned,
            skips_verification: settings.skips_verification,
            notes,
            config: OnceLock::new(),
        }
    }

    fn config(&self) -> Result<Arc<ClientConfig>, ureq::Error> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier: Arc<dyn ServerCertVerifier> = match self.pinned {
            Some(sha1) => Arc::new(verify::Pinned::new(sha1, Arc::clone(&provider))),
            None if self.skips_verification => Arc::new(verify::Pinned::any(Arc::clone(&provider))),
            None => {
                let roots = Arc::new(self.sources.load().map_err(|e| ureq::Error::Other(Box::new(e)))?);
                let inner = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
                    .build()
                    .map_err(|e| ureq::Error::Other(Box::new(e)))?;
                Arc::new(verify::IssuerRecorder::new(inner, self.notes.clone()))
            }
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|e| ureq::Error::Other(Box::new(e)))?
            .dangerous() // Only in name: see verify.rs.
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth();
        Ok(Arc::clone(self.config.get_or_init(|| Arc::new(config))))
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, TlsTransport>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else {
            return Ok(None);
        };
        if !details.needs_tls() || transport.is_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let host = bare_host(details.uri).unwrap_or_default().to_owned();
        let name =
            ServerName::try_from(host).map_err(|_| ureq::Error::Tls("the host name is not valid for TLS"))?;
        let mut connection =
            ClientConnection::new(self.config()?, name).map_err(|e| ureq::Error::Other(Box::new(e)))?;
        let mut socket = TransportAdapter::new(transport.boxed(), Arc::clone(&details.current_time));
        // What the steps before TLS have left of the time for connecting.
        socket.set_timeout(remaining(details.timeout, details.now));
        connection.complete_io(&mut socket)?;
        let buffers =
            LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(Either::B(TlsTransport { buffers, stream: StreamOwned::new(connection, socket) })))
    }
}

/// A connection under TLS.
pub struct TlsTransport {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsTransport")
    }
}

impl Transport for TlsTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        self.stream.write_all(output)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let read = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(read);
        Ok(read > 0)
    }

    fn is_open(&mut self) -> bool {
        // What came before it was asked for would be taken for the next answer.
        let read = self.stream.conn.process_new_packets();
        let socket = self.stream.sock.get_mut();
        read.is_ok_and(|state| state.plaintext_bytes_to_read() == 0)
            && socket.buffers().input().is_empty()
            && socket.is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

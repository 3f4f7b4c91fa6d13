//! A listener on the loopback interface that waits for one answer.
//!
//! One thread serves all connections without blocking on any: each has a deadline and a bounded buffer,
//! and the oldest gives way to a new one, so that no slow or hostile client keeps a real answer out.

use crate::context::Context;
use crate::error::{Error, Result};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

/// How long one connection may take.
const CONNECTION_TIME: Duration = Duration::from_secs(10);
/// How long the browser has to take in the last page.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Browsers open a handful, some of them without ever using them.
const MAX_CONNECTIONS: usize = 32;
/// More than any request that is answered.
const MAX_REQUEST: usize = 96 << 10;
/// How often the sockets are looked at.
const POLL: Duration = Duration::from_millis(20);
/// How often another port is tried if the one the system chose is taken on the other address family.
const MAX_PORTS: usize = 16;

/// What follows from the bytes that have come on one connection.
pub enum ConnectionStep<T> {
    /// Wait for more.
    More,
    /// Send this and close.
    Reply(Vec<u8>),
    /// Send this; the wait is over.
    End(Vec<u8>, T),
}

/// The listening sockets, all on one port.
pub struct Loopback {
    listeners: Vec<TcpListener>,
    port: u16,
}

impl Loopback {
    /// Listens on `port`, or on any free one, of 127.0.0.1 and ::1 as asked for. One of the two may be
    /// missing from the machine.
    ///
    /// # Errors
    /// The port is in use or may not be used; the machine has no loopback interface.
    pub fn bind(v4: bool, v6: bool, port: Option<u16>) -> Result<Self> {
        let addresses: Vec<IpAddr> =
            [v4.then_some(IpAddr::V4(Ipv4Addr::LOCALHOST)), v6.then_some(IpAddr::V6(Ipv6Addr::LOCALHOST))]
                .into_iter()
                .flatten()
                .collect();
        let tries = if port.is_some() { 1 } else { MAX_PORTS };
        let mut last = io::Error::from(ErrorKind::AddrNotAvailable);
        for _ in 0..tries {
            match bind_all(&addresses, port.unwrap_or(0)) {
                Ok(bound) => return Ok(bound),
                Err(e) => last = e,
            }
        }
        Err(cannot_listen(port, &last))
    }

    /// Listens on the first of these that is free: on all of its addresses, with its port.
    ///
    /// # Errors
    /// None is free; it names each with its reason.
    pub fn bind_first(places: &[(Vec<IpAddr>, u16)]) -> Result<Self> {
        let mut reasons = Vec::new();
        for (addresses, port) in places {
            // Port 0 is any that is free on every one of the addresses.
            let tries = if *port == 0 { MAX_PORTS } else { 1 };
            let mut last = io::Error::from(ErrorKind::AddrNotAvailable);
            for _ in 0..tries {
                match bind_all(addresses, *port) {
                    Ok(bound) => return Ok(bound),
                    Err(e) => last = e,
                }
            }
            let address =
                addresses.first().map_or_else(String::new, |ip| SocketAddr::new(*ip, *port).to_string());
            reasons.push(format!("could not listen on {address}: {last}"));
        }
        Err(Error::new(format!("no available port: {}", reasons.join("; ")))
            .hint("end the program that uses the port, or name another with --listen-address and register it with the provider"))
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Serves connections until `step` ends it; `None` if `timeout` is over first. `idle` is called in
    /// between, and may end it too.
    pub fn serve<T>(
        self,
        ctx: &Context,
        timeout: Duration,
        mut step: impl FnMut(&[u8]) -> ConnectionStep<T>,
        mut idle: impl FnMut() -> Option<T>,
    ) -> Option<T> {
        let start = ctx.clock.monotonic();
        let mut connections: Vec<Connection> = Vec::new();
        while ctx.clock.monotonic().saturating_sub(start) < timeout {
            let now = ctx.clock.monotonic();
            self.accept(&mut connections, now);
            let mut i = 0;
            while let Some(connection) = connections.get_mut(i) {
                match connection.advance(now, &mut step) {
                    Progress::Open => i += 1,
                    Progress::Closed => drop(connections.remove(i)),
                    Progress::Ended(result) => {
                        let last = connections.remove(i);
                        last.drain_and_close(ctx);
                        return Some(result);
                    }
                }
            }
            if let Some(result) = idle() {
                return Some(result);
            }
            ctx.clock.sleep(POLL);
        }
        None
    }

    fn accept(&self, connections: &mut Vec<Connection>, now: Duration) {
        for listener in &self.listeners {
            // Bounded, so that a flood cannot keep the connections that are open from being served.
            for _ in 0..MAX_CONNECTIONS {
                let Ok((stream, _)) = listener.accept() else { break };
                if stream.set_nonblocking(true).is_err() {
                    continue;
                }
                if connections.len() >= MAX_CONNECTIONS {
                    connections.remove(0);
                }
                let until = now.saturating_add(CONNECTION_TIME);
                connections.push(Connection { stream, bytes: Vec::new(), until, answered: false });
            }
        }
    }
}

fn bind_all(addresses: &[IpAddr], port: u16) -> io::Result<Loopback> {
    let mut listeners: Vec<TcpListener> = Vec::new();
    let mut chosen = port;
    let mut missing = io::Error::from(ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpListener::bind(SocketAddr::new(*address, chosen)) {
            Ok(listener) => {
                listener.set_nonblocking(true)?;
                chosen = listener.local_addr()?.port();
                listeners.push(listener);
            }
            Err(e) if matches!(e.kind(), ErrorKind::AddrInUse | ErrorKind::PermissionDenied) => {
                return Err(e);
            }
            // A machine without IPv6, or without IPv4.
            Err(e) => missing = e,
        }
    }
    if listeners.is_empty() { Err(missing) } else { Ok(Loopback { listeners, port: chosen }) }
}

fn cannot_listen(port: Option<u16>, error: &io::Error) -> Error {
    let Some(port) = port else {
        return Error::new(format!("cannot listen for the browser on the loopback interface: {error}"));
    };
    match error.kind() {
        ErrorKind::AddrInUse => Error::new(format!("port {port} of the redirect URL is already in use"))
            .hint("end the program that uses it, or give another port with --redirect-url"),
        _ => Error::new(format!("cannot listen on port {port} of the redirect URL: {error}"))
            .hint("give another port with --redirect-url"),
    }
}

struct Connection {
    stream: TcpStream,
    bytes: Vec<u8>,
    until: Duration,
    /// All is said; what still comes is read and dropped, for closing with unread data would take the
    /// answer away from the client.
    answered: bool,
}

enum Progress<T> {
    Open,
    Closed,
    Ended(T),
}

impl Connection {
    fn advance<T>(
        &mut self,
        now: Duration,
        step: &mut impl FnMut(&[u8]) -> ConnectionStep<T>,
    ) -> Progress<T> {
        if now >= self.until {
            return Progress::Closed;
        }
        let mut chunk = [0; 8 << 10];
        match self.stream.read(&mut chunk) {
            Ok(0) => return Progress::Closed,
            Ok(_) if self.answered => return Progress::Open,
            Ok(length) => self.bytes.extend(chunk.iter().take(length)),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                return Progress::Open;
            }
            Err(_) => return Progress::Closed,
        }
        if self.bytes.len() > MAX_REQUEST {
            return Progress::Closed;
        }
        match step(&self.bytes) {
            ConnectionStep::More => Progress::Open,
            ConnectionStep::Reply(answer) => {
                self.answer(&answer);
                Progress::Open
            }
            ConnectionStep::End(answer, result) => {
                self.answer(&answer);
                Progress::Ended(result)
            }
        }
    }

    /// A page fits the system's buffer; a client that leaves no room for it does not want it.
    fn answer(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).and_then(|()| self.stream.shutdown(Shutdown::Write));
        self.answered = true;
        self.bytes = Vec::new();
    }

    /// Waits until the client has taken the last page and closed.
    fn drain_and_close(mut self, ctx: &Context) {
        let start = ctx.clock.monotonic();
        let mut chunk = [0; 8 << 10];
        while ctx.clock.monotonic().saturating_sub(start) < CLOSE_TIMEOUT {
            match self.stream.read(&mut chunk) {
                Ok(0) => return,
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => ctx.clock.sleep(POLL),
                Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::disallowed_methods)] // A peer of the test.

    use super::*;
    use std::thread::spawn;

    const MINUTE: Duration = Duration::from_secs(60);

    fn until_x(bytes: &[u8]) -> ConnectionStep<usize> {
        match bytes.last() {
            Some(b'x') => ConnectionStep::End(b"end".to_vec(), bytes.len()),
            Some(b'r') => ConnectionStep::Reply(b"reply".to_vec()),
            _ => ConnectionStep::More,
        }
    }

    fn exchange(port: u16, text: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn slow_silent_and_garrulous_clients_do_not_keep_the_answer_out() {
        let server = Loopback::bind(true, false, None).unwrap();
        let port = server.port();
        let client = spawn(move || {
            let silent: Vec<_> =
                (0..3 * MAX_CONNECTIONS).map(|_| TcpStream::connect(("127.0.0.1", port)).unwrap()).collect();
            let mut flood = TcpStream::connect(("127.0.0.1", port)).unwrap();
            let _ = flood.write_all(&vec![b'a'; MAX_REQUEST + 1]);
            assert_eq!(exchange(port, "r"), "reply");
            let answer = exchange(port, "123x");
            drop(silent);
            answer
        });
        assert_eq!(server.serve(&Context::real(), MINUTE, until_x, || None), Some(4));
        assert_eq!(client.join().unwrap(), "end");
    }

    #[test]
    fn a_busy_port_is_named() {
        let first = Loopback::bind(true, false, None).unwrap();
        let error = Loopback::bind(true, false, Some(first.port())).err().unwrap();
        assert!(error.message().ends_with("of the redirect URL is already in use"));
    }

    #[test]
    fn the_first_place_that_is_free_on_both_families_is_taken() {
        let (v4, v6) = (IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST));
        let place = |port| (vec![v4, v6], port);
        let free = || Loopback::bind(true, true, None).unwrap().port();
        for taken in [v4, v6] {
            let Ok(first) = TcpListener::bind(SocketAddr::new(taken, 0)) else { continue };
            let (busy, free) = (first.local_addr().unwrap().port(), free());
            assert_eq!(Loopback::bind_first(&[place(busy), place(free)]).unwrap().port(), free, "{taken}");
            let error = Loopback::bind_first(&[place(busy)]).err().unwrap();
            assert!(
                error.message().starts_with("no available port: could not listen on 127.0.0.1:"),
                "{error}"
            );
        }
        assert!(Loopback::bind_first(&[place(0)]).is_ok() && Loopback::bind_first(&[]).is_err());
    }

    #[test]
    fn patience_ends() {
        let server = Loopback::bind(true, true, None).unwrap();
        assert_eq!(server.serve(&Context::real(), Duration::ZERO, until_x, || None), None);
    }
}

//! The way through an HTTP proxy (CONNECT), ended at one moment: ureq gives each read of the proxy's answer
//! the whole time for connecting anew, so a proxy that sends a byte now and then would hold us for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use ureq::unversioned::transport::time::{Duration as Limit, Instant};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, NextTimeout, Transport,
};

/// ureq's CONNECT, over a connection that keeps to the time for connecting.
#[derive(Debug, Default)]
pub struct Tunnel(ConnectProxyConnector);

impl<In: Transport> Connector<In> for Tunnel {
    type Out = <ConnectProxyConnector as Connector<In>>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let connected = Arc::new(AtomicBool::new(false));
        let (run, is_over) = (Arc::clone(&details.run_connector), Arc::clone(&connected));
        let run_connector = move |to_proxy: &ConnectionDetails| -> Result<Box<dyn Transport>, ureq::Error> {
            // Looking up the proxy's address may have taken some of the time.
            let limit = remaining(to_proxy.timeout, to_proxy.now);
            if limit.after.is_zero() {
                return Err(ureq::Error::Timeout(limit.reason));
            }
            let started = (to_proxy.current_time)();
            let inner = run(&ConnectionDetails { now: started, timeout: limit, ..same(to_proxy) })?;
            Ok(Box::new(Bounded { inner, started, limit, is_over: Arc::clone(&is_over) }))
        };
        let bounded = ConnectionDetails { run_connector: Arc::new(run_connector), ..same(details) };
        let transport = self.0.connect(&bounded, chained);
        connected.store(true, Ordering::Relaxed);
        transport
    }
}

fn same<'a>(details: &ConnectionDetails<'a>) -> ConnectionDetails<'a> {
    ConnectionDetails {
        uri: details.uri,
        addrs: details.addrs.clone(),
        config: details.config,
        request_level: details.request_level,
        resolver: details.resolver,
        now: details.now,
        timeout: details.timeout,
        current_time: Arc::clone(&details.current_time),
        run_connector: Arc::clone(&details.run_connector),
        register_shutdown: Arc::clone(&details.register_shutdown),
    }
}

/// A connection to a proxy. Until it is connected, the time for it runs on; afterwards the exchange has its
/// own limit.
#[derive(Debug)]
struct Bounded {
    inner: Box<dyn Transport>,
    started: Instant,
    limit: NextTimeout,
    is_over: Arc<AtomicBool>,
}

impl Bounded {
    fn within(&self, timeout: NextTimeout) -> NextTimeout {
        if self.is_over.load(Ordering::Relaxed) { timeout } else { remaining(self.limit, self.started) }
    }
}

/// What is left of a time limit that began at `started`.
pub fn remaining(mut limit: NextTimeout, started: Instant) -> NextTimeout {
    if let (Limit::Exact(after), Instant::Exact(started)) = (limit.after, started) {
        limit.after = Limit::Exact(after.saturating_sub(started.elapsed()));
    }
    limit
}

impl Transport for Bounded {
    fn buffers(&mut self) -> &mut dyn Buffers {
        self.inner.buffers()
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let timeout = self.within(timeout);
        self.inner.transmit_output(amount, timeout)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let timeout = self.within(timeout);
        self.inner.await_input(timeout)
    }

    fn is_open(&mut self) -> bool {
        self.inner.is_open()
    }

    fn is_tls(&self) -> bool {
        self.inner.is_tls()
    }
}

//! What every server process does: log, serve until it is told to stop, and say where it is.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use vestibule_gateway::App;

use super::RunError;
use crate::metrics;
use crate::server::{Edge, Places, listen};
use crate::settings::ProcessArgs;
#[cfg(feature = "otlp")]
use crate::traces::Traces;

/// Collects traces as long as what it answers is held, if that is wanted.
#[cfg(feature = "otlp")]
pub(super) fn start_traces(settings: &ProcessArgs) -> Result<Option<Traces>, RunError> {
    let traces = settings.otlp_endpoint.as_ref();
    let traces = traces.map(|collector| Traces::start(collector, settings.trace_ratio));
    Ok(traces.transpose()?)
}

/// This program was built without.
#[cfg(not(feature = "otlp"))]
pub(super) fn start_traces(settings: &ProcessArgs) -> Result<(), RunError> {
    const NONE: &str =
        "--otlp-endpoint: this program was built without traces. Build it with the feature otlp";
    match settings.otlp_endpoint {
        Some(_) => Err(RunError::Setting(NONE.to_owned())),
        None => Ok(()),
    }
}

/// A socket, what is served on it, and what stands between.
pub(super) struct Part {
    pub(super) socket: TcpListener,
    pub(super) app: App,
    pub(super) edge: Edge,
}

impl Part {
    /// One beside the site, with as many connections.
    pub(super) fn new(socket: TcpListener, app: impl Into<App>, places: Places) -> Self {
        Self { socket, app: app.into(), edge: Edge { places, ..Edge::default() } }
    }
}

/// Connections of those who read metrics. They are not the site's, which may be full when it is looked at.
const SCRAPERS: usize = 64;

/// Metrics, if they are wanted. First of all: what is counted before is lost.
pub(super) async fn metrics_part(process: &ProcessArgs) -> Result<Option<Part>, RunError> {
    let Some(address) = process.metrics_listen else { return Ok(None) };
    let socket = listen(address, "--metrics-listen").await?;
    Ok(Some(Part::new(socket, metrics::start()?, Places::unshared(SCRAPERS))))
}

/// Where they are, for whoever started this.
pub(super) fn metrics_address(
    part: Option<&Part>,
) -> Result<Option<(&'static str, String)>, RunError> {
    let Some(Part { socket, .. }) = part else { return Ok(None) };
    Ok(Some(("Metrics", format!("http://{}/metrics", host_of(socket.local_addr()?)))))
}

/// Serves until SIGTERM or SIGINT; then what runs may finish. SIGHUP reads settings `again`.
pub(super) async fn serve_all(
    parts: impl Iterator<Item = Part>,
    drain: u64,
    again: impl Fn(),
) -> Result<(), RunError> {
    // Before the first request is taken: until then a signal ends the process, and with it what runs.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let (stop, stopped) = watch::channel(false);
    let mut servers = JoinSet::new();
    for Part { socket, app, edge } in parts {
        let drain = Duration::from_secs(drain);
        servers.spawn(edge.serve(socket, app, stopped.clone(), drain));
    }
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => again(),
        }
    }
    tracing::info!("stopping: running requests may finish");
    let _ = stop.send(true);
    while servers.join_next().await.is_some() {}
    Ok(())
}

/// Addresses, what is weak, and the one next step, on standard output.
pub(super) fn say(
    addresses: impl Iterator<Item = (&'static str, String)>,
    weak: &[String],
    next: &str,
) {
    let addresses: Vec<_> = addresses.collect();
    let width = addresses.iter().map(|(name, _)| name.len() + 2).max().unwrap_or_default();
    let mut text = String::from("\n  Vestibule is ready.\n\n");
    for (name, address) in addresses {
        text.push_str(&format!("    {name:<width$}{address}\n"));
    }
    for weakness in weak {
        text.push_str(&format!("\n  Weak: {weakness}."));
    }
    if !weak.is_empty() {
        text.push('\n');
    }
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{text}\n  {next}\n");
    let _ = out.flush();
}

/// `localhost` for loopback, which is what people type.
pub(super) fn host_of(address: SocketAddr) -> String {
    if address.ip().is_loopback() {
        format!("localhost:{}", address.port())
    } else {
        address.to_string()
    }
}

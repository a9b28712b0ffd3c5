//! The log, on standard error: what [`tracing`] says, and a line for each request.

mod fields;
mod line;
mod outlet;

use std::io::{IsTerminal as _, Stderr, Write, stderr};
use std::sync::{Arc, OnceLock};

use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{Directive, ParseError};

use crate::settings::{LogFormat, ProcessArgs, Switch};
use fields::Fields;
pub(crate) use line::Line;
use line::Style;
use outlet::Outlet;
pub(crate) use outlet::UntilTheEnd;

/// By this name `--log` and `--access-log` know the lines of requests.
const REQUESTS: &str = "vestibule::access";

static LOG: OnceLock<Log> = OnceLock::new();

struct Log {
    style: Style,
    outlet: Arc<Outlet<Stderr>>,
}

/// Starts the log of this process.
///
/// # Errors
/// [`ParseError`] of the filter.
pub(crate) fn start(settings: &ProcessArgs) -> Result<UntilTheEnd<Stderr>, ParseError> {
    let filter = EnvFilter::builder().parse(&settings.log)?;
    let filter = match settings.access_log {
        Switch::On => filter,
        Switch::Off => filter.add_directive(off(REQUESTS)),
    };
    let outlet = Outlet::start(stderr());
    let direct = outlet.clone();
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || Direct(direct.clone()));
    let style = match settings.log_format {
        LogFormat::Human if stderr().is_terminal() => Style::Coloured,
        LogFormat::Human => Style::Plain,
        LogFormat::Json => Style::Json,
    };
    match style {
        Style::Json => log.json().flatten_event(true).init(),
        _ => {
            let log = log.with_ansi(style == Style::Coloured).with_target(false);
            log.fmt_fields(Fields).init()
        }
    }
    let _is_first = LOG.set(Log { style, outlet: outlet.clone() });
    Ok(UntilTheEnd(outlet))
}

fn off(target: &str) -> Directive {
    format!("{target}=off").parse().expect("a target of ours")
}

/// Writes the line of a request, if it is wanted, soon.
pub(crate) fn request(is_failure: bool, fields: impl FnOnce(&mut Line)) {
    let level = if is_failure { Level::WARN } else { Level::INFO };
    let is_wanted = match is_failure {
        true => tracing::enabled!(target: REQUESTS, Level::WARN),
        false => tracing::enabled!(target: REQUESTS, Level::INFO),
    };
    let Some(log) = LOG.get().filter(|_| is_wanted) else { return };
    let mut line = Line::begin(log.style, level, "answered");
    fields(&mut line);
    log.outlet.soon(line.end(REQUESTS).as_bytes());
}

/// What tracing writes to: a line at a time.
struct Direct(Arc<Outlet<Stderr>>);

impl Write for Direct {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.0.now(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    /// What was written.
    #[derive(Clone, Default)]
    pub(super) struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        pub(super) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}

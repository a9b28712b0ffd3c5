//! A process of ours that is started again whenever it ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use vestibule_gateway::Upstream;

use crate::Failure;
use crate::browser::ask;
use crate::record::{Promise, Record};

/// How a process is started.
pub(crate) struct Program {
    command: Mutex<Command>,
    log: File,
}

impl Program {
    pub(crate) fn new(
        binary: &Path,
        folder: &Path,
        name: &str,
        arguments: &[String],
        variables: &[(&str, String)],
    ) -> io::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let log = OpenOptions::new().create(true).append(true).open(log)?;
        let mut command = Command::new(binary);
        command
            .args(arguments)
            .arg(format!("--data={}", folder.join(name).display()))
            // A line a request would be most of the disk's work.
            .args(["--log=info,vestibule::observe=warn", "--drain=2"])
            .env_clear()
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        Ok(Self { command: Mutex::new(command), log })
    }

    fn spawn(&self) -> io::Result<Child> {
        let mut command = self.command.lock().unwrap_or_else(PoisonError::into_inner);
        command.stderr(self.log.try_clone()?).spawn()
    }
}

/// A process that is started again on the same port whenever it ends, unless it is held down.
pub(crate) struct Process {
    pub(crate) name: String,
    pub(crate) upstream: Upstream,
    program: Program,
    state: Mutex<State>,
}

struct State {
    child: Option<(Child, Instant)>,
    is_held: bool,
    /// When it was last ended from here.
    ended: Option<Instant>,
}

/// One that lived for longer had been ready, and has no reason to end by itself.
const SETTLED: Duration = Duration::from_secs(15);

impl Process {
    pub(crate) fn start(
        name: String,
        port: u16,
        program: Program,
        record: &Arc<Record>,
    ) -> Result<Arc<Self>, Failure> {
        let upstream = Upstream::at(&format!("http://127.0.0.1:{port}").parse()?)?;
        let state = Mutex::new(State { child: None, is_held: false, ended: None });
        let process = Arc::new(Self { name, upstream, program, state });
        tokio::spawn(process.clone().keep_running(record.clone()));
        Ok(process)
    }

    async fn keep_running(self: Arc<Self>, record: Arc<Record>) {
        loop {
            match self.look_after(&record) {
                Ok(()) => sleep(Duration::from_millis(20)).await,
                Err(error) => {
                    record.breaks(Promise::StillRunning, format!("{}: {error}", self.name), None);
                    return;
                }
            }
        }
    }

    fn look_after(&self, record: &Record) -> io::Result<()> {
        let mut state = self.state();
        if let Some((child, since)) = &mut state.child {
            let Some(status) = child.try_wait()? else { return Ok(()) };
            let lived = since.elapsed();
            state.child = None;
            if !state.is_held {
                record.count("starts in vain, tried again");
                let name = &self.name;
                record.check(Promise::StillRunning, lived < SETTLED, || {
                    format!("{name} ended by itself ({status}) after {lived:.1?}")
                });
            }
        }
        if !state.is_held {
            record.checks(Promise::StillRunning, 1);
            state.child = Some((self.program.spawn()?, Instant::now()));
        }
        Ok(())
    }

    /// Ends it with `signal`, and holds it down until it is released.
    pub(crate) async fn end(&self, signal: &str) {
        {
            let mut state = self.state();
            state.is_held = true;
            state.ended = Some(Instant::now());
            if let Some((child, _)) = &mut state.child {
                // At once, where that is possible: a refresh that it is to be caught amid takes milliseconds.
                let _gone_already = match signal {
                    "-KILL" => child.kill(),
                    _ => Command::new("kill")
                        .args([signal, &child.id().to_string()])
                        .status()
                        .map(drop),
                };
            }
        }
        while self.state().child.is_some() {
            sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) fn release(&self) {
        self.state().is_held = false;
    }

    /// Whether it was ended from here since then.
    pub(crate) fn was_ended_since(&self, then: Instant) -> bool {
        self.state().ended.is_some_and(|ended| ended >= then)
    }

    /// Until it says that it is ready.
    pub(crate) async fn ready(&self, patience: Duration) -> Result<(), Failure> {
        let asked = Instant::now();
        loop {
            let request = http::Request::get("/ready").body(axum::body::Body::empty())?;
            let answer = ask(&self.upstream, request, Duration::from_secs(2), |_| {}).await;
            match answer {
                Some(answer) if answer.status == 200 => return Ok(()),
                other if asked.elapsed() > patience => {
                    let last = other.map(|answer| answer.body);
                    return Err(format!("{} is not ready: {last:?}", self.name).into());
                }
                _ => sleep(Duration::from_millis(50)).await,
            }
        }
    }

    /// Ends it for good.
    pub(crate) fn bury(&self) {
        let mut state = self.state();
        state.is_held = true;
        if let Some((child, _)) = &mut state.child {
            let _gone_already = child.kill();
            let _reaped = child.wait();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

//! Servers as processes of their own: starting them, and what the system says of their time and memory (Linux, proc(5)).

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::Failure;
use crate::clock::now;
use crate::load::Target;

/// A running server. It ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) name: String,
}

/// Longest that a server may take to answer for the first time.
const START: Duration = Duration::from_secs(30);

/// How often a server that is starting is asked.
const BETWEEN: Duration = Duration::from_millis(1);

impl Server {
    /// Starts `command` with its output in `log`, and waits until `target` answers with 2xx.
    pub(crate) fn start(
        name: &str,
        mut command: Command,
        log: fs::File,
        target: &Target,
    ) -> Result<Self, Failure> {
        command.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log).process_group(0);
        let child = command.spawn().map_err(|why| format!("{name} does not start: {why}"))?;
        let mut server = Self { child, name: name.to_owned() };
        let since = now();
        let mut last = String::new();
        while since.elapsed() < START {
            match target.once() {
                Ok(200..300) => return Ok(server),
                Ok(status) => last = format!("it answers {status}"),
                Err(why) => last = why.to_string(),
            }
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("{name} has ended: {status}").into());
            }
            thread::sleep(BETWEEN);
        }
        Err(format!("{name} does not get ready: {last}").into())
    }

    /// Starts a server that chooses its port, and prints the address first.
    pub(crate) fn announced(
        name: &str,
        mut command: Command,
    ) -> Result<(Self, SocketAddr), Failure> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().map_err(|why| format!("{name} does not start: {why}"))?;
        let out = child.stdout.take().ok_or("its output is piped")?;
        let server = Self { child, name: name.to_owned() };
        let mut said = String::new();
        BufReader::new(out).read_line(&mut said)?;
        let address = said.trim().trim_start_matches("http://").parse();
        Ok((server, address.map_err(|_| format!("{name} says {said:?} and no address"))?))
    }

    /// What all its threads have had of the processors so far. Those that have ended are left out.
    pub(crate) fn cpu(&self) -> Result<Duration, Failure> {
        let mut nanoseconds = 0;
        for process in family(self.child.id())? {
            let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { continue };
            for thread in threads.flatten() {
                let text = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
                let spent = text.split(' ').next().and_then(|text| text.parse::<u64>().ok());
                nanoseconds += spent.unwrap_or_default();
            }
        }
        Ok(Duration::from_nanos(nanoseconds))
    }

    /// Resident memory in bytes, as `status` calls it: `VmRSS` now, `VmHWM` at most.
    pub(crate) fn memory(&self, field: &str) -> Result<u64, Failure> {
        let mut kib = 0;
        for process in family(self.child.id())? {
            let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
            let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
            let number =
                line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
            kib += number.unwrap_or_default();
        }
        if kib == 0 { Err(format!("{} has no {field}", self.name).into()) } else { Ok(kib * 1024) }
    }

    /// Lets `VmHWM` begin anew.
    pub(crate) fn forget_most_memory(&self) -> Result<(), Failure> {
        Ok(fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5")?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(group) = pid {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// A process and all below it.
fn family(root: u32) -> Result<Vec<u32>, Failure> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1));
        parents.extend(parent.and_then(|parent| parent.parse::<u32>().ok()).map(|of| (pid, of)));
    }
    let mut family = vec![root];
    let mut at = 0;
    while at < family.len() {
        let below = parents.iter().filter(|(_, parent)| *parent == family[at]).map(|(pid, _)| *pid);
        let below: Vec<u32> = below.collect();
        family.extend(below);
        at += 1;
    }
    Ok(family)
}

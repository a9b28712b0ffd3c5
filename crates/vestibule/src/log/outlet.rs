use std::io::Write;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How long a line may wait for others to be written along with it.
const TOGETHER: Duration = Duration::from_millis(1);
/// Bytes that may wait. Beyond it whoever brings a line writes them, at the pace of whoever reads.
const MOST: usize = 256 * 1024;
/// Bytes that are kept for what will wait next.
const KEPT: usize = 16 * 1024;

/// Where lines go, each whole and in the order in which they came. One that comes alone is written at once; those that follow within
/// [`TOGETHER`] are written together: under load a write for each, and the queue for the lock around it, take more than making them.
pub(super) struct Outlet<W> {
    /// Locked before `waiting`, never after it.
    out: Mutex<Out<W>>,
    waiting: Mutex<Waiting>,
    arrived: Condvar,
    together: Duration,
}

struct Out<W> {
    to: W,
    /// What was written last, for its memory.
    written: Vec<u8>,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    /// When lines were last written.
    since: Option<Instant>,
}

impl<W: Write + Send + 'static> Outlet<W> {
    /// One to `to`, and the thread that writes what waits. If the system has no thread to give, lines are written when there are
    /// enough of them, before what does not wait, and at the end.
    pub(super) fn start(to: W) -> Arc<Self> {
        let outlet = Arc::new(Self::new(to, TOGETHER));
        let writer = outlet.clone();
        let _handle =
            thread::Builder::new().name("log".to_owned()).spawn(move || writer.keep_writing());
        outlet
    }
}

impl<W: Write> Outlet<W> {
    fn new(to: W, together: Duration) -> Self {
        let out = Mutex::new(Out { to, written: Vec::new() });
        Self { out, waiting: Mutex::default(), arrived: Condvar::new(), together }
    }

    /// Writes `line` before long.
    pub(super) fn soon(&self, line: &[u8]) {
        let now = now();
        let mut waiting = locked(&self.waiting);
        let is_first = waiting.lines.is_empty();
        let is_alone = waiting.since.is_none_or(|since| now.duration_since(since) >= self.together);
        if is_first && is_alone {
            waiting.since = Some(now);
            drop(waiting);
            return self.now(line);
        }
        waiting.lines.extend_from_slice(line);
        let is_much = waiting.lines.len() > MOST;
        drop(waiting);
        if is_much {
            self.write_waiting();
        } else if is_first {
            self.arrived.notify_one();
        }
    }

    /// Writes what waits, and then `line`.
    pub(super) fn now(&self, line: &[u8]) {
        let mut out = locked(&self.out);
        self.empty_into(&mut out);
        out.write(line);
    }

    /// Writes what waits.
    pub(super) fn write_waiting(&self) {
        self.empty_into(&mut locked(&self.out));
    }

    fn empty_into(&self, out: &mut Out<W>) {
        let mut lines = mem::take(&mut out.written);
        let mut waiting = locked(&self.waiting);
        mem::swap(&mut waiting.lines, &mut lines);
        if !lines.is_empty() {
            waiting.since = Some(now());
        }
        drop(waiting);
        out.write(&lines);
        lines.clear();
        lines.shrink_to(KEPT);
        out.written = lines;
    }

    fn keep_writing(&self) {
        loop {
            let waiting = locked(&self.waiting);
            drop(self.arrived.wait_while(waiting, |waiting| waiting.lines.is_empty()));
            thread::sleep(self.together);
            self.write_waiting();
        }
    }
}

impl<W: Write> Out<W> {
    /// Whoever reads the log may have left, and is no reason for anything else to fail.
    fn write(&mut self, lines: &[u8]) {
        let _lost = self.to.write_all(lines);
    }
}

/// While it is held lines may wait; when it is dropped they are written.
pub(crate) struct UntilTheEnd<W: Write>(pub(super) Arc<Outlet<W>>);

impl<W: Write> Drop for UntilTheEnd<W> {
    fn drop(&mut self) {
        self.0.write_waiting();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "says how long ago something was written; nothing else is decided by it"
)]
fn now() -> Instant {
    Instant::now()
}

/// What is behind a lock here is whole even where its holder panicked.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use super::{MOST, Outlet, UntilTheEnd};

    /// Tells what is written, a write at a time.
    struct Told(Sender<String>);

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            self.0.send(text).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn told() -> (Told, Receiver<String>) {
        let (tell, written) = channel();
        (Told(tell), written)
    }

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn a_line_alone_is_written_at_once_and_what_follows_together() {
        let (to, written) = told();
        let outlet = Outlet::new(to, LONG);
        outlet.soon(b"alone\n");
        assert_eq!(written.try_recv().unwrap(), "alone\n");
        outlet.soon(b"one\n");
        outlet.soon(b"two\n");
        assert!(written.try_recv().is_err(), "nobody writes yet");
        outlet.now(b"three\n");
        outlet.soon(b"four\n");
        outlet.write_waiting();
        assert_eq!(written.try_iter().collect::<Vec<_>>(), ["one\ntwo\n", "three\n", "four\n"]);
    }

    #[test]
    fn after_a_while_a_line_is_alone_again() {
        let (to, written) = told();
        let outlet = Outlet::new(to, Duration::ZERO);
        for line in ["one\n", "two\n"] {
            outlet.soon(line.as_bytes());
            assert_eq!(written.try_recv().unwrap(), line);
        }
    }

    #[test]
    fn lines_need_nobody_to_push_them() {
        let (to, written) = told();
        let outlet = Outlet::start(to);
        let lines: Vec<_> = (0..100).map(|number| format!("{number}\n")).collect();
        lines.iter().for_each(|line| outlet.soon(line.as_bytes()));
        let mut read = String::new();
        while read.lines().count() < lines.len() {
            read += &written.recv().unwrap();
        }
        assert_eq!(read, lines.concat());
    }

    #[test]
    fn what_waits_has_an_end() {
        let (to, written) = told();
        let outlet = Outlet::new(to, LONG);
        outlet.soon(b"alone");
        assert_eq!(written.try_recv().unwrap(), "alone");
        let line = "x".repeat(MOST / 2);
        outlet.soon(line.as_bytes());
        outlet.soon(line.as_bytes());
        assert!(written.try_recv().is_err());
        outlet.soon(b"y");
        assert_eq!(written.try_recv().unwrap().len(), MOST + 1);
    }

    #[test]
    fn at_the_end_nothing_waits_any_more() {
        let (to, written) = told();
        let outlet = Arc::new(Outlet::new(to, LONG));
        let until_the_end = UntilTheEnd(outlet.clone());
        outlet.soon(b"alone\n");
        outlet.soon(b"last words\n");
        drop(until_the_end);
        assert_eq!(written.try_iter().collect::<String>(), "alone\nlast words\n");
    }
}

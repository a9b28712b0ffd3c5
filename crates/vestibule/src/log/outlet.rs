use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a line may wait for others to be written along with it.
const TOGETHER: Duration = Duration::from_millis(5);
/// Bytes that may wait. Beyond it whoever brings a line writes them, at the pace of whoever reads.
const MOST: usize = 256 * 1024;
/// Bytes that are kept for what will wait next.
const KEPT: usize = 16 * 1024;

/// Where lines go, each whole and in the order in which they came. Those that may wait are written together: under load a write
/// for each, and the queue for the lock around it, take more than making them.
pub(super) struct Outlet<W> {
    /// Locked before `waiting`, never after it.
    out: Mutex<Out<W>>,
    waiting: Mutex<Vec<u8>>,
    arrived: Condvar,
}

struct Out<W> {
    to: W,
    /// What was written last, for its memory.
    written: Vec<u8>,
}

impl<W: Write + Send + 'static> Outlet<W> {
    /// One to `to`, and the thread that writes what waits. Without a thread, if the system has none to give, nothing waits.
    pub(super) fn start(to: W) -> Arc<Self> {
        let outlet = Arc::new(Self::new(to));
        let writer = outlet.clone();
        let name = "log".to_owned();
        // Without it lines are written when there are enough of them, and at the end.
        let _handle = thread::Builder::new().name(name).spawn(move || writer.keep_writing());
        outlet
    }
}

impl<W: Write> Outlet<W> {
    fn new(to: W) -> Self {
        let out = Mutex::new(Out { to, written: Vec::new() });
        Self { out, waiting: Mutex::default(), arrived: Condvar::new() }
    }

    /// Writes `line` before long.
    pub(super) fn soon(&self, line: &[u8]) {
        let mut waiting = locked(&self.waiting);
        waiting.extend_from_slice(line);
        let length = waiting.len();
        drop(waiting);
        if length > MOST {
            self.write_waiting();
        } else if length == line.len() {
            self.arrived.notify_one();
        }
    }

    /// Writes what waits, and then `line`.
    pub(super) fn now(&self, line: &[u8]) -> io::Result<()> {
        let mut out = locked(&self.out);
        self.empty_into(&mut out);
        out.to.write_all(line)
    }

    /// Writes what waits.
    pub(super) fn write_waiting(&self) {
        self.empty_into(&mut locked(&self.out));
    }

    fn empty_into(&self, out: &mut Out<W>) {
        mem::swap(&mut *locked(&self.waiting), &mut out.written);
        // Whoever reads the log may have left. There is nobody to tell.
        let _lost = out.to.write_all(&out.written);
        out.written.clear();
        out.written.shrink_to(KEPT);
    }

    fn keep_writing(&self) {
        loop {
            let waiting =
                self.arrived.wait_while(locked(&self.waiting), |waiting| waiting.is_empty());
            drop(waiting);
            thread::sleep(TOGETHER);
            self.write_waiting();
        }
    }
}

/// While it is held lines may wait; when it is dropped they are written.
pub(crate) struct UntilTheEnd<W: Write>(pub(super) Arc<Outlet<W>>);

impl<W: Write> Drop for UntilTheEnd<W> {
    fn drop(&mut self) {
        self.0.write_waiting();
    }
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

    #[test]
    fn what_waits_is_written_together_and_before_what_does_not_wait() {
        let (to, written) = told();
        let outlet = Outlet::new(to);
        outlet.soon(b"one\n");
        outlet.soon(b"two\n");
        assert!(written.try_recv().is_err(), "nobody writes yet");
        outlet.now(b"three\n").unwrap();
        outlet.soon(b"four\n");
        outlet.write_waiting();
        assert_eq!(written.try_iter().collect::<Vec<_>>(), ["one\ntwo\n", "three\n", "four\n"]);
    }

    #[test]
    fn lines_need_nobody_to_push_them() {
        let (to, written) = told();
        let outlet = Outlet::start(to);
        for line in ["one\n", "two\n"] {
            outlet.soon(line.as_bytes());
            assert_eq!(written.recv().unwrap(), line);
        }
    }

    #[test]
    fn what_waits_has_an_end() {
        let (to, written) = told();
        let outlet = Outlet::new(to);
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
        let outlet = Arc::new(Outlet::new(to));
        let until_the_end = UntilTheEnd(outlet.clone());
        outlet.soon(b"last words\n");
        drop(until_the_end);
        assert_eq!(written.try_recv().unwrap(), "last words\n");
    }

    #[test]
    fn a_reader_who_has_left_stops_nobody() {
        let (to, written) = told();
        let outlet = Outlet::new(to);
        drop(written);
        outlet.soon(b"one\n");
        outlet.write_waiting();
        assert!(outlet.now(b"two\n").is_err());
        outlet.soon(b"three\n");
        outlet.write_waiting();
    }
}

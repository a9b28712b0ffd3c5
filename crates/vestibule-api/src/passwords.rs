//! Hashing passwords, and its bound: own threads of low priority, each with memory that it keeps while there is work, and a short
//! queue that refuses when full.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use metrics::{counter, gauge};
use tokio::sync::oneshot;
use vestibule_types::Password;

use crate::error::StartError;

/// Argon2id: 19 MiB, 2 passes, 1 lane (OWASP password storage; PW-06).
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// What a stored hash may ask for at most (PW-08).
const MOST_MEMORY_KIB: u32 = 64 * 1024;
const MOST_PASSES: u32 = 8;
const MOST_LANES: u32 = 4;
const BCRYPT_COSTS: std::ops::RangeInclusive<u32> = 4..=14;

/// By how much the threads that hash are nicer than those that answer.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Jobs that may wait for each thread: about two seconds' worth.
const QUEUE_PER_THREAD: usize = 64;

/// How long a thread without work keeps its memory. Taking it anew costs a login 5 ms.
const KEPT: Duration = Duration::from_secs(60);

/// The queue is full: try again in a moment.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error("too many passwords are being checked")]
pub(crate) struct Busy;

/// What became of a password that was offered.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Checked {
    Wrong,
    Right,
    /// Right, and the stored hash should be replaced by this one, if it is still the same.
    RightUpgrade(String),
}

/// A fixed number of threads that hash, with an arena each (PW-07).
pub(crate) struct Hasher {
    queue: Arc<Queue>,
}

type Job = Box<dyn FnOnce(&mut Arena) + Send>;

struct Queue {
    jobs: Mutex<Jobs>,
    wake: Condvar,
    most: usize,
    kept: Duration,
}

#[derive(Default)]
struct Jobs {
    waiting: VecDeque<Job>,
    closed: bool,
}

/// What a thread finds when it looks for work.
enum Next {
    Job(Job),
    /// Nothing, for as long as memory is kept.
    Nothing,
    End,
}

impl Hasher {
    pub(crate) fn start() -> Result<Self, StartError> {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        gauge!("vestibule_hash_slots").set(threads as f64);
        Self::with(threads, KEPT)
    }

    fn with(threads: usize, kept: Duration) -> Result<Self, StartError> {
        let queue = Arc::new(Queue {
            jobs: Mutex::default(),
            wake: Condvar::new(),
            most: threads * QUEUE_PER_THREAD,
            kept,
        });
        for number in 0..threads {
            let queue = queue.clone();
            thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn(move || queue.work())
                .map_err(StartError::Threads)?;
        }
        Ok(Self { queue })
    }

    /// The hash to store for a new password, in PHC format.
    pub(crate) async fn hash(&self, password: Password) -> Result<String, Busy> {
        self.queue.run(move |arena| hash(&password, arena)).await
    }

    /// Checks a password against a stored hash; `None`, for an account that isn't there, costs the same as
    /// one of ours (LG-14).
    pub(crate) async fn check(
        &self,
        password: Arc<Password>,
        stored: Option<String>,
    ) -> Result<Checked, Busy> {
        self.queue.run(move |arena| check(&password, stored.as_deref(), arena)).await
    }
}

impl Drop for Hasher {
    fn drop(&mut self) {
        self.queue.lock().closed = true;
        self.queue.wake.notify_all();
    }
}

impl Queue {
    /// Runs `work` on one of the threads. A caller that goes away leaves the queue.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Arena) -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |arena| {
            if answer.is_closed() {
                return;
            }
            let busy = gauge!("vestibule_hash_busy");
            busy.increment(1);
            // A panic costs its own caller an answer, not everybody a thread (PW-08, RL-08).
            let outcome = catch_unwind(AssertUnwindSafe(|| work(arena)));
            // Before the answer: whoever has it may read the counts while this thread still gives way to others.
            busy.decrement(1);
            match outcome {
                Ok(outcome) => drop(answer.send(outcome)),
                Err(_) => tracing::error!("a password check panicked"),
            }
        });
        {
            let mut jobs = self.lock();
            if jobs.waiting.len() >= self.most {
                counter!("vestibule_hash_refused_total").increment(1);
                return Err(Busy);
            }
            jobs.waiting.push_back(job);
            gauge!("vestibule_hash_queue").set(jobs.waiting.len() as f64);
        }
        self.wake.notify_one();
        answered.await.map_err(|_| Busy)
    }

    fn work(&self) {
        give_way();
        let mut arena = Arena::default();
        loop {
            match self.next(arena.is_taken()) {
                Next::Job(job) => {
                    job(&mut arena);
                    arena.shrink();
                }
                Next::Nothing => arena = Arena::default(),
                Next::End => return,
            }
        }
    }

    fn next(&self, has_memory: bool) -> Next {
        let mut jobs = self.lock();
        loop {
            if let Some(job) = jobs.waiting.pop_front() {
                gauge!("vestibule_hash_queue").set(jobs.waiting.len() as f64);
                return Next::Job(job);
            }
            if jobs.closed {
                return Next::End;
            }
            if !has_memory {
                jobs = self.wake.wait(jobs).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let waited = self.wake.wait_timeout(jobs, self.kept);
            let (again, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            if waited.timed_out() && again.waiting.is_empty() && !again.closed {
                return Next::Nothing;
            }
            jobs = again;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts what this thread does behind everything that answers within a millisecond.
fn give_way() {
    // Elsewhere it would be the whole process that gives way (setpriority(2), "C library/kernel differences").
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::nice(NICENESS) {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(error, "passwords are checked with the priority of everything else");
    }
}

/// Memory to hash in, taken when it is needed.
///
/// Its room is that of the largest hash that is granted, for two reasons: it never moves, and no allocator keeps a piece of that size
/// for itself, as the C library might one of 19 MiB, but gives it back to the system. What no hash has touched is only address space.
#[derive(Default)]
struct Arena(Vec<Block>);

impl Arena {
    /// So many blocks, at most [`MOST_MEMORY_KIB`]; what they hold does not matter.
    fn blocks(&mut self, count: usize) -> &mut [Block] {
        self.0.reserve_exact(MOST_MEMORY_KIB as usize - self.0.len());
        if self.0.len() < count {
            self.0.resize(count, Block::default());
        }
        &mut self.0[..count]
    }

    fn is_taken(&self) -> bool {
        self.0.capacity() > 0
    }

    /// Gives back what a hash of our own does not need.
    fn shrink(&mut self) {
        if self.0.len() > MEMORY_KIB as usize {
            *self = Self::default();
        }
    }
}

fn hash(password: &Password, arena: &mut Arena) -> String {
    let mut salt = [0_u8; 16];
    SystemRandom::new().fill(&mut salt).expect("the system's random generator works");
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).expect("our own parameters are legal");
    let digest = argon2id(params, &password.normalized(), &salt, arena)
        .expect("our own parameters are legal");
    let (salt, digest) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(digest));
    format!("{}{salt}${digest}", current_prefix())
}

/// How a hash of today's parameters begins.
fn current_prefix() -> String {
    format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$")
}

fn check(password: &Password, stored: Option<&str>, arena: &mut Arena) -> Checked {
    let Some(stored) = stored else {
        let _same_cost = hash(password, arena);
        return Checked::Wrong;
    };
    if stored.starts_with("$2") {
        check_bcrypt(password, stored, arena)
    } else {
        check_argon2(password, stored, arena)
    }
}

fn check_argon2(password: &Password, stored: &str, arena: &mut Arena) -> Checked {
    match argon2_matches(password, stored, arena) {
        None => {
            tracing::error!("a stored password hash can't be read: its owner can't sign in");
            let _same_cost = hash(password, arena);
            Checked::Wrong
        }
        Some(false) => Checked::Wrong,
        Some(true) if stored.starts_with(&current_prefix()) => Checked::Right,
        Some(true) => Checked::RightUpgrade(hash(password, arena)),
    }
}

/// Whether `password` made `stored`; `None` if `stored` is malformed or asks for too much.
fn argon2_matches(password: &Password, stored: &str, arena: &mut Arena) -> Option<bool> {
    let (parsed, params) = argon2_parts(stored)?;
    let (salt, expected) = (parsed.salt?, parsed.hash?);
    let digest = argon2id(params, &password.normalized(), salt.as_ref(), arena)?;
    Some(verify_slices_are_equal(&digest, expected.as_bytes()).is_ok())
}

/// What `stored` is made of; `None` if it is malformed, another algorithm's or asks for too much.
fn argon2_parts(stored: &str) -> Option<(PasswordHash, Params)> {
    let parsed = PasswordHash::new(stored).ok()?;
    if parsed.algorithm.as_str() != "argon2id" || parsed.version != Some(19) {
        return None;
    }
    let params = Params::try_from(&parsed).ok()?;
    let is_greedy = params.m_cost() > MOST_MEMORY_KIB
        || params.t_cost() > MOST_PASSES
        || params.p_cost() > MOST_LANES;
    (!is_greedy).then_some((parsed, params))
}

/// Whether a password can be checked against `stored`, which comes from elsewhere: Argon2id with parameters that we
/// grant, or bcrypt of cost 4 to 14 (PW-08, PW-09).
pub(crate) fn is_readable(stored: &str) -> bool {
    let is_whole = |(hash, _): (PasswordHash, Params)| {
        hash.salt.is_some() && hash.hash.is_some_and(|digest| digest.as_bytes().len() == 32)
    };
    is_bcrypt(stored) || argon2_parts(stored).is_some_and(is_whole)
}

/// The 32-byte Argon2id digest; `None` if salt or parameters are out of range.
fn argon2id(params: Params, password: &[u8], salt: &[u8], arena: &mut Arena) -> Option<[u8; 32]> {
    let mut digest = [0_u8; 32];
    let memory = arena.blocks(params.block_count());
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(password, salt, &mut digest, memory)
        .ok()?;
    Some(digest)
}

/// Hashes that the FastAPI backend made. They only see 72 bytes, so a longer password is verified as it was
/// there but not taken over (PW-09).
fn check_bcrypt(password: &Password, stored: &str, arena: &mut Arena) -> Checked {
    if !is_bcrypt(stored) {
        tracing::error!("a stored password hash can't be read: its owner can't sign in");
        let _same_cost = hash(password, arena);
        return Checked::Wrong;
    }
    match bcrypt::verify(password.as_typed(), stored) {
        Ok(true) if password.as_typed().len() <= 72 => Checked::RightUpgrade(hash(password, arena)),
        Ok(true) => Checked::Right,
        Ok(false) | Err(_) => Checked::Wrong,
    }
}

/// `$2a$`, `$2b$` or `$2y$`, a cost from 4 to 14, then 53 characters: looked at before the crate sees it.
fn is_bcrypt(stored: &str) -> bool {
    let Some(rest) =
        ["$2a$", "$2b$", "$2y$"].iter().find_map(|version| stored.strip_prefix(version))
    else {
        return false;
    };
    let Some((cost, salt_and_hash)) = rest.split_once('$') else { return false };
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'/';
    cost.len() == 2
        && cost.parse().is_ok_and(|cost| BCRYPT_COSTS.contains(&cost))
        && salt_and_hash.len() == 53
        && salt_and_hash.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use vestibule_types::Password;

    use super::{Arena, Busy, Checked, Hasher, MEMORY_KIB, check, hash, is_readable};

    /// By then everything has happened that will.
    const LIMIT: Duration = Duration::from_secs(20);

    fn word() -> Password {
        Password::typed("Str1ngst!")
    }

    #[test]
    fn pw_06_a_hash_names_its_parameters_and_verifies() {
        let mut arena = Arena::default();
        let stored = hash(&word(), &mut arena);
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_eq!(check(&word(), Some(&stored), &mut arena), Checked::Right);
        assert_eq!(check(&Password::typed("str1ngst!"), Some(&stored), &mut arena), Checked::Wrong);
        assert_eq!(check(&word(), None, &mut arena), Checked::Wrong);
    }

    #[test]
    fn pw_06_a_hash_of_older_parameters_is_replaced_at_login() {
        let mut arena = Arena::default();
        let older = "$argon2id$v=19$m=4096,t=3,p=1$c29tZXNhbHRzYWx0$";
        let params = argon2::Params::new(4096, 3, 1, None).unwrap();
        let digest = super::argon2id(params, b"Str1ngst!", b"somesaltsalt", &mut arena).unwrap();
        let older = format!("{older}{}", base64::Engine::encode(&super::STANDARD_NO_PAD, digest));
        let Checked::RightUpgrade(new) = check(&word(), Some(&older), &mut arena) else {
            panic!("not upgraded");
        };
        assert_eq!(check(&word(), Some(&new), &mut arena), Checked::Right);
    }

    #[test]
    fn pw_09_a_bcrypt_hash_is_verified_and_replaced() {
        let mut arena = Arena::default();
        let bcrypt = bcrypt::hash("Str1ngst!", 4).unwrap();
        assert!(bcrypt.starts_with("$2b$04$"));
        let Checked::RightUpgrade(new) = check(&word(), Some(&bcrypt), &mut arena) else {
            panic!("not upgraded");
        };
        assert_eq!(check(&word(), Some(&new), &mut arena), Checked::Right);
        assert_eq!(check(&Password::typed("wrong"), Some(&bcrypt), &mut arena), Checked::Wrong);
    }

    #[test]
    fn pw_09_beyond_72_bytes_bcrypt_verifies_as_it_did_but_is_not_upgraded() {
        let mut arena = Arena::default();
        let bcrypt = bcrypt::hash("b".repeat(72), 4).unwrap();
        let check =
            |password: &str, arena: &mut _| check(&Password::typed(password), Some(&bcrypt), arena);
        assert_eq!(check(&"b".repeat(73), &mut arena), Checked::Right);
        assert!(matches!(check(&"b".repeat(72), &mut arena), Checked::RightUpgrade(_)));
        assert_eq!(check(&"b".repeat(71), &mut arena), Checked::Wrong);
    }

    #[test]
    fn pw_08_greedy_or_malformed_hashes_are_wrong_and_take_no_memory() {
        let mut arena = Arena::default();
        for stored in [
            "",
            "$",
            "$2",
            "$2b$",
            "$2b$99$abcdefghijklmnopqrstuuabcdefghijklmnopqrstuvwxyzabcde",
            "$2b$04$short",
            "$2b$04$éééééééééééééééééééééééééé!",
            "$argon2id$v=19$m=4294967295,t=2,p=1$c29tZXNhbHRzYWx0$AAAA",
            "$argon2id$v=19$m=19456,t=4294967295,p=1$c29tZXNhbHRzYWx0$AAAA",
            "$argon2i$v=19$m=4096,t=3,p=1$c29tZXNhbHRzYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHRzYWx0",
            "plain text",
        ] {
            assert_eq!(check(&word(), Some(stored), &mut arena), Checked::Wrong, "{stored}");
            assert!(!is_readable(stored), "{stored}");
        }
        let ours = hash(&word(), &mut arena);
        for stored in [ours.as_str(), &bcrypt::hash("Str1ngst!", 4).unwrap()] {
            assert!(is_readable(stored), "{stored}");
            assert!(!is_readable(&stored[..stored.len() - 1]), "{stored}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]
        #[test]
        fn pw_08_any_stored_text_is_survived(stored in "\\$(2[aby]|argon2id)\\$\\PC{0,70}") {
            prop_assert_eq!(check(&word(), Some(&stored), &mut Arena::default()), Checked::Wrong);
        }
    }

    #[tokio::test]
    async fn pw_07_a_full_queue_refuses_and_those_inside_are_served() {
        let hasher = Hasher::start().unwrap();
        let most = hasher.queue.most;
        let all = (0..most * 2).map(|_| hasher.check(word().into(), None));
        let answers = futures_join(all.collect()).await;
        let served = answers.iter().filter(|answer| **answer == Ok(Checked::Wrong)).count();
        let refused = answers.iter().filter(|answer| **answer == Err(Busy)).count();
        assert_eq!(served + refused, most * 2);
        assert!(refused > 0 && served >= most, "{served} served, {refused} refused");
    }

    #[tokio::test]
    async fn pw_08_a_panic_costs_one_answer_and_no_thread() {
        let hasher = Hasher::start().unwrap();
        let all = async {
            for _ in 0..64 {
                let panicked: Result<(), Busy> =
                    hasher.queue.run(|_| panic!("a damaged hash")).await;
                assert_eq!(panicked, Err(Busy));
            }
            assert_eq!(hasher.check(word().into(), None).await, Ok(Checked::Wrong));
        };
        tokio::time::timeout(LIMIT, all).await.expect("there are threads left");
    }

    #[tokio::test]
    async fn pw_07_memory_is_taken_by_the_first_password_and_goes_when_none_come() {
        let hasher = Hasher::with(1, Duration::ZERO).unwrap();
        let has_memory = || hasher.queue.run(|arena| arena.is_taken());
        assert_eq!(has_memory().await, Ok(false));
        assert_eq!(hasher.check(word().into(), None).await, Ok(Checked::Wrong));
        // Who asks before the thread has looked round finds it still there.
        let gone = async { while has_memory().await.unwrap() {} };
        tokio::time::timeout(LIMIT, gone).await.expect("it is given back");

        let hasher = Hasher::with(1, LIMIT).unwrap();
        assert_eq!(hasher.check(word().into(), None).await, Ok(Checked::Wrong));
        let kept = hasher.queue.run(|arena| arena.0.len()).await;
        assert_eq!(kept, Ok(MEMORY_KIB as usize), "it is kept for the next");
    }

    #[tokio::test]
    async fn pw_08_what_a_larger_hash_took_is_not_kept() {
        let hasher = Hasher::with(1, LIMIT).unwrap();
        let stored = format!("$argon2id$v=19$m=65536,t=1,p=1$c29tZXNhbHRzYWx0${}", "A".repeat(43));
        assert_eq!(hasher.check(word().into(), Some(stored)).await, Ok(Checked::Wrong));
        assert_eq!(hasher.queue.run(|arena| arena.is_taken()).await, Ok(false));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn pw_07_those_who_hash_give_way_to_everybody_else() {
        let hasher = Hasher::start().unwrap();
        let priority = |_: &mut Arena| rustix::process::getpriority_process(None).unwrap();
        let ours = rustix::process::getpriority_process(None).unwrap();
        let theirs = hasher.queue.run(priority).await;
        assert_eq!(theirs, Ok((ours + super::NICENESS).min(19)));
    }

    async fn futures_join<F: Future>(futures: Vec<F>) -> Vec<F::Output> {
        let mut pinned: Vec<_> = futures.into_iter().map(Box::pin).collect();
        let mut answers = Vec::new();
        // Each is polled once, so that all are queued before any is awaited.
        std::future::poll_fn(|context| {
            pinned.retain_mut(|future| match future.as_mut().poll(context) {
                std::task::Poll::Ready(answer) => {
                    answers.push(answer);
                    false
                }
                std::task::Poll::Pending => true,
            });
            if pinned.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        answers
    }
}

//! The signing keys of a running server, and the file that they may come from: read again whenever it changes,
//! written as one step.

use std::fs::{self, File, Metadata};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::Path;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use vestibule_api::{Api, SigningKeys};

use crate::key_list;
use crate::secrets::{
    Found, Named, Place, SecretError, SecretFile, Secrets, Source, name_beside, private_file,
};

/// Name of its variable.
pub const SIGNING_KEY: &str = "VESTIBULE_SIGNING_KEY";

/// Its name in the data folder.
pub const KEY_FILE: &str = "signing-key";

/// How often a server looks whether the file has changed. Asking needs no library and works on any file system.
const LOOK: Duration = Duration::from_secs(1);

/// A file that a server has read its signing keys from, and reads again.
pub struct KeyFile {
    file: SecretFile,
    /// What the server goes by now.
    in_use: Vec<(String, i64)>,
}

/// The keys, and their file unless they come from a variable, which can't change.
///
/// # Errors
/// [`SecretError`], in words for whoever starts the server.
pub fn load(source: Source<'_>) -> Result<(SigningKeys, Option<KeyFile>), SecretError> {
    let Found { text, place } = source.find()?;
    let keys = parse_at(&place, &text)?;
    let file = match place {
        Place::Variable(_) => None,
        Place::File(file) => Some(KeyFile { file, in_use: summary(&keys) }),
    };
    Ok((keys, file))
}

/// Reads the keys in `text`, which stands in `file`.
pub(crate) fn parse(file: &SecretFile, text: &str) -> Result<SigningKeys, SecretError> {
    parse_at(&Place::File(file.clone()), text)
}

fn parse_at(place: &Place, text: &str) -> Result<SigningKeys, SecretError> {
    key_list::parse(text).map_err(|why| SecretError::Keys { name: place.to_string(), why })
}

/// All that tells one list from another.
fn summary(keys: &SigningKeys) -> Vec<(String, i64)> {
    keys.iter().map(|key| (key.id(), key.from())).collect()
}

/// Each opens something else, and others hold it: whoever verifies tokens may have the signing key, whoever asks for
/// revocations has the feed key, and neither must open cookies (JW-08).
///
/// # Errors
/// [`SecretError::Same`].
pub fn differ(others: &Named, keys: Option<&SigningKeys>) -> Result<(), SecretError> {
    for (at, (name, secrets)) in others.iter().enumerate() {
        if keys.is_some_and(|keys| secrets.all().any(|secret| keys.contains(secret))) {
            return Err(SecretError::Same(name, SIGNING_KEY));
        }
        let is_there =
            |more: &Secrets| secrets.all().any(|secret| more.all().any(|one| one == secret));
        if let Some((other, _)) = others[at + 1..].iter().find(|(_, more)| is_there(more)) {
            return Err(SecretError::Same(name, other));
        }
    }
    Ok(())
}

/// Gives `api` the keys of `file` whenever they change, for as long as it is polled (KY-06). A file that can't be
/// read, is weak, or shares a secret with `others` changes nothing and is reported once.
pub async fn follow(file: KeyFile, api: Api, others: Named) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut follower = Follower { file, others, seen: None, complaint: None };
    loop {
        look.tick().await;
        let looked = spawn_blocking(move || {
            let keys = follower.look();
            (follower, keys)
        });
        let Ok((again, keys)) = looked.await else { return };
        follower = again;
        if let Some(keys) = keys {
            api.replace_keys(keys);
        }
    }
}

struct Follower {
    file: KeyFile,
    others: Named,
    /// The file as it was when it was last good.
    seen: Option<Stamp>,
    /// What was last reported, until the file is good again.
    complaint: Option<String>,
}

impl Follower {
    /// The keys, if they are others than before.
    fn look(&mut self) -> Option<SigningKeys> {
        // Before the text, so that a change in between is seen next time.
        let stamp = Stamp::of(&self.file.file.path);
        if stamp.is_some() && stamp == self.seen {
            return None;
        }
        match self.read() {
            Ok(keys) => {
                (self.seen, self.complaint) = (stamp, None);
                let before = std::mem::replace(&mut self.file.in_use, summary(&keys));
                (before != self.file.in_use).then_some(keys)
            }
            Err(error) => {
                self.complain(&error);
                None
            }
        }
    }

    fn read(&self) -> Result<SigningKeys, SecretError> {
        let file = &self.file.file;
        let keys = parse(file, &file.read()?)?;
        differ(&self.others, Some(&keys))?;
        Ok(keys)
    }

    fn complain(&mut self, error: &SecretError) {
        let said = Some(error.to_string());
        if self.complaint != said {
            let error = error as &dyn std::error::Error;
            tracing::error!(error, "the signing keys can't be replaced: those in use stay");
            self.complaint = said;
        }
    }
}

/// What changes when a file does. The time is that of the last change of any kind, rights included; unlike the
/// time of writing, no copying tool sets it back.
#[derive(Eq, PartialEq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

impl Stamp {
    pub(crate) fn of(path: &Path) -> Option<Self> {
        let file = fs::metadata(path).ok()?;
        Some(Self {
            device: file.dev(),
            inode: file.ino(),
            length: file.len(),
            changed: (file.ctime(), file.ctime_nsec()),
        })
    }
}

/// Changes the text of `file` in one step: two at once follow one another, and a reader finds the old text or the
/// new one, whole. `change` is given the text and the Unix second since which it stands there.
///
/// # Errors
/// [`SecretError`] if the file is open to others, or can't be read or written; what `change` refuses.
pub fn rewrite<T, E: From<SecretError>>(
    file: &SecretFile,
    change: impl FnOnce(&str, i64) -> Result<(String, T), E>,
) -> Result<T, E> {
    let unreadable = |cause| SecretError::Unreadable { path: file.path.clone(), cause };
    // What a symbolic link leads to is replaced, not the link.
    let path = fs::canonicalize(&file.path).map_err(unreadable)?;
    let locked = lock(&path).map_err(unreadable)?;
    let old = locked.metadata().map_err(unreadable)?;
    let (text, outcome) = change(&file.read()?, old.ctime())?;
    let new = name_beside(&path)?;
    let written = write(&new, &old, &text).and_then(|()| fs::rename(&new, &path)).and_then(|()| {
        // The new name is on disk when its folder is.
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    });
    if let Err(cause) = written {
        let _ = fs::remove_file(&new);
        return Err(SecretError::Unwritable { path, cause }.into());
    }
    Ok(outcome)
}

/// Waits until nobody else changes the file.
fn lock(path: &Path) -> io::Result<File> {
    loop {
        let file = File::open(path)?;
        file.lock()?;
        // Whoever had the lock has put another file under this name.
        if file.metadata()?.ino() == fs::metadata(path)?.ino() {
            return Ok(file);
        }
    }
}

/// A private file of the owner of `old`: root may change what the server, which is not root, has to read.
fn write(path: &Path, old: &Metadata, text: &str) -> io::Result<()> {
    let mut file = private_file(path)?;
    let ours = file.metadata()?;
    if (ours.uid(), ours.gid()) != (old.uid(), old.gid()) {
        fchown(&file, Some(old.uid()), Some(old.gid()))?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use vestibule_api::SigningKey;

    use super::{Follower, SecretError, SecretFile, load, rewrite};
    use crate::secrets::tests::Folder;
    use crate::secrets::{Named, Secrets, Source};

    const ONE: &str = "q0Zk2LmXv7Rt3Yp9Wd5Nc1Bf6Gh4Js8KaTuVwXyZ0Q4=";
    const TWO: &str = "n8Hs3Kd0Vb6Qw1Zx5Lc9Rt2Yp7Mf4Jg8TaXuWvEyO1E=";

    fn source(file: &Path) -> Source<'static> {
        Source { variable: "KEY", value: None, file: None, kept_in: Some(file.to_owned()) }
    }

    fn follower(file: &Path, others: Named) -> Follower {
        let file = load(source(file)).unwrap().1.unwrap();
        Follower { file, others, seen: None, complaint: None }
    }

    /// How many keys it found, if they are new to it.
    fn look(follower: &mut Follower) -> Option<usize> {
        follower.look().map(|keys| keys.iter().count())
    }

    fn write(file: &Path, text: &str) {
        rewrite(&ours(file), |_, _| Ok::<_, SecretError>((text.to_owned(), ()))).unwrap();
    }

    fn ours(path: &Path) -> SecretFile {
        SecretFile { path: path.to_owned(), is_private: true }
    }

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn ky_06_keys_are_followed_and_what_says_the_same_is_not_news() {
        let folder = Folder::new("follow");
        let file = folder.0.join("signing-key");
        let mut follower = follower(&file, Named::new());
        assert_eq!(look(&mut follower), None, "they are those of the start");
        let first = fs::read_to_string(&file).unwrap();
        write(&file, &format!("{first}\n{ONE}"));
        assert_eq!((look(&mut follower), look(&mut follower)), (Some(2), None));
        write(&file, &format!("# a remark\n{first},{ONE}"));
        assert_eq!(look(&mut follower), None);
        write(&file, &format!("{ONE}\n{first}"));
        assert_eq!(look(&mut follower), Some(2), "another one signs");
        // As an editor does that writes into the file.
        fs::write(&file, format!("{ONE},{first},{TWO}")).unwrap();
        assert_eq!(look(&mut follower), Some(3));
    }

    #[test]
    fn ky_06_a_list_that_is_bad_changes_nothing_and_is_reported_once() {
        let folder = Folder::new("bad");
        let file = folder.0.join("signing-key");
        let secrets =
            Secrets { first: vestibule_types::Secret::parse(TWO).unwrap(), older: vec![] };
        let mut follower = follower(&file, vec![("AUTH_SECRET", secrets)]);
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        let rights = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        type Step<'a> = (&'a str, &'a dyn Fn(), Option<usize>);
        let steps: [Step<'_>; 7] = [
            ("weak", &|| write(&file, "hunter2"), None),
            ("good again", &|| write(&file, ONE), Some(1)),
            ("that of the cookie", &|| write(&file, TWO), None),
            ("gone", &|| fs::remove_file(&file).unwrap(), None),
            ("back", &|| fs::rename(folder.0.join("next"), &file).unwrap(), Some(2)),
            ("open", &|| rights(0o644), None),
            ("closed, with what is known", &|| rights(0o600), None),
        ];
        let next = folder.0.join("next");
        crate::secrets::make_file(&next, &format!("{ONE}@7,EdDSA:{}", &ONE.replace('q', "r")))
            .unwrap();
        tracing::subscriber::with_default(subscriber, || {
            for (step, act, expected) in steps {
                act();
                assert_eq!(look(&mut follower), expected, "{step}");
                assert_eq!(look(&mut follower), None, "{step}, again");
            }
        });
        let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(log.lines().count(), 4, "{log}");
        assert!(!log.contains("hunter2") && !log.contains(&ONE[..8]) && !log.contains(&TWO[..8]));
    }

    #[test]
    fn from_a_variable_there_is_nothing_to_follow() {
        let value = Some(format!("{ONE},{TWO}"));
        let source = Source { variable: "KEY", value, file: None, kept_in: None };
        let (keys, file) = load(source).unwrap();
        assert!(keys.iter().count() == 2 && file.is_none());
    }

    #[test]
    fn ky_06_changes_at_once_lose_nothing_and_leave_nothing_else() {
        let folder = Folder::new("at-once");
        let file = folder.0.join("signing-key");
        load(source(&file)).unwrap();
        let change = |number: usize| {
            let file = ours(&file);
            std::thread::spawn(move || {
                rewrite(&file, |text, _| Ok::<_, SecretError>((format!("{text}\n# {number}"), ())))
            })
        };
        let changes: Vec<_> = (0..16).map(change).collect();
        changes.into_iter().for_each(|change| change.join().unwrap().unwrap());
        let text = fs::read_to_string(&file).unwrap();
        assert_eq!(text.matches('#').count(), 16, "{text}");
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
    }

    #[test]
    fn df_04_a_changed_file_is_for_its_owner_only_and_a_link_stays_one() {
        let folder = Folder::new("link");
        let (file, link) = (folder.0.join("real"), folder.0.join("signing-key"));
        crate::secrets::make_file(&file, ONE).unwrap();
        symlink(&file, &link).unwrap();
        let before = fs::metadata(&file).unwrap();
        write(&link, TWO);
        let after = fs::metadata(&file).unwrap();
        assert_eq!(after.permissions().mode() & 0o777, 0o600);
        assert_eq!((after.uid(), after.gid()), (before.uid(), before.gid()));
        assert_ne!(after.ino(), before.ino(), "it was replaced, not written into");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&link).unwrap(), TWO);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o604)).unwrap();
        let refused = rewrite(&ours(&link), |_, _| Ok((String::new(), ())));
        assert!(matches!(refused, Err(SecretError::Open { mode: 0o604, .. })));
    }

    #[test]
    fn a_file_that_is_no_list_is_refused_whole_not_cut() {
        let folder = Folder::new("long");
        let file = folder.0.join("signing-key");
        let remarks = "# a remark that is longer than it has to be\n".repeat(1_000);
        crate::secrets::make_file(&file, &format!("{remarks}{ONE}")).unwrap();
        let ids = |keys: &vestibule_api::SigningKeys| keys.iter().map(SigningKey::id).count();
        assert_eq!(ids(&load(source(&file)).unwrap().0), 1);
        fs::write(&file, format!("{ONE}\n{}", remarks.repeat(2))).unwrap();
        assert!(matches!(load(source(&file)), Err(SecretError::Long { .. })));
    }
}

//! `vestibule keys`: which keys sign the tokens, one more, one less. It changes the file; servers follow it.

use std::fmt::Write as _;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use vestibule_api::{Algorithm, SigningKey, SigningKeys, Standing};
use vestibule_types::Clock;
use vestibule_ui::dates::Moment;

use crate::key_file::{KEY_FILE, parse, rewrite};
use crate::key_list::{self, entry};
use crate::secrets::{SecretError, SecretFile, make_file, random_secret};
use crate::settings::{KeyAdd, KeyFileArgs, KeyRetire, Keys};

/// How long a new key is published before it signs, in seconds: servers look at the file once a second, and
/// whoever verifies elsewhere may keep the published keys for a minute (F20).
const AFTER: i64 = 10;
const AFTER_PUBLISHED: i64 = 90;

const FOLLOW: &str = "Servers that read this file follow by themselves; copy it to the others";

/// Why the keys stay as they are: the cause and the mend.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file.
    #[error(transparent)]
    File(#[from] SecretError),
    /// The keys are not in a file.
    #[error(
        "the keys are in VESTIBULE_SIGNING_KEY, which is set, not in a file. Edit it where it is set, one comma between keys, and start the servers again; or move its text to a file and name that: VESTIBULE_SIGNING_KEY_FILE"
    )]
    InVariable,
    /// Nothing at that path.
    #[error("there is no key file {}. Name the one that the server reads: --data or --signing-key-file", path.display())]
    NoFile {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// No key has that id; it is not repeated, for it might be a secret.
    #[error("no key in {} has this id. See which there are: vestibule keys list", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
    },
    /// The key that signs.
    #[error("key {id} signs, so it can't go. Let another sign first: vestibule keys add")]
    Signs {
        /// The key.
        id: String,
    },
    /// A key whose last token may be alive.
    #[error(
        "sessions that rely on key {id} may live until {until}. Retire it then; --force signs them out now"
    )]
    Alive {
        /// The key.
        id: String,
        /// RFC 3339.
        until: String,
    },
}

/// Does it, and answers what to tell whoever asked.
///
/// # Errors
/// [`KeysError`]; the file is as it was.
pub fn run(what: Keys, is_in_variable: bool, clock: &Clock) -> Result<String, KeysError> {
    if is_in_variable {
        return Err(KeysError::InVariable);
    }
    match what {
        Keys::List(file) => list(&file, clock.now()),
        Keys::Add(what) => add(&what, clock.now()),
        Keys::Retire(what) => retire(&what, clock.now()),
    }
}

fn list(args: &KeyFileArgs, now: i64) -> Result<String, KeysError> {
    let file = existing(args)?;
    let keys = parse(&file, &file.read()?)?;
    let changed_at = changed_at(&file)?;
    let mut table = String::from("ID        ALGORITHM  NOW\n");
    for key in keys.iter() {
        let (id, algorithm) = (key.id(), key.algorithm());
        let Some(standing) = keys.standing(&id, now) else { continue };
        let does = match (standing, may_go_from(standing, changed_at, args.refresh_ttl)) {
            (Standing::Signs, _) => "signs".to_owned(),
            (Standing::Waits, _) => format!("signs from {}", time(key.from())),
            (Standing::Rests(_), Some(from)) if from > now => {
                format!("verifies, may be retired from {}", time(from))
            }
            (Standing::Rests(_), _) => "verifies, may be retired".to_owned(),
        };
        let _ = writeln!(table, "{id}  {algorithm:<9}  {does}");
    }
    Ok(table)
}

fn add(what: &KeyAdd, now: i64) -> Result<String, KeysError> {
    let file = file_of(&what.file);
    let secret = random_secret()?;
    if is_missing(&file) && has_folder(&file) {
        let text = entry(what.algorithm.unwrap_or(Algorithm::Hs256), &secret, 0);
        if make_file(&file.path, &text)? {
            let (path, keys) = (file.path.display(), parse(&file, &text)?);
            return Ok(format!("Made {path} with its first key, {}.\n", name(keys.signing(now))));
        }
    }
    let file = existing(&what.file)?;
    let new = rewrite(&file, |text, _| {
        let keys = parse(&file, text)?;
        let algorithm = what.algorithm.unwrap_or_else(|| keys.signing(now).algorithm());
        let after = what.after.unwrap_or_else(|| usual_delay(algorithm));
        let new = entry(algorithm, &secret, second_of_its_own(&keys, now + after));
        let text = key_list::with(text, &new);
        parse(&file, &text)?;
        Ok::<_, KeysError>((text, parse(&file, &new)?))
    })?;
    let new = new.signing(now);
    let (key, path, from) = (name(new), file.path.display(), time(new.from()));
    Ok(format!("Added key {key} to {path}. It signs from {from}.\n{FOLLOW}, before that.\n"))
}

fn retire(what: &KeyRetire, now: i64) -> Result<String, KeysError> {
    let (file, id) = (existing(&what.file)?, &what.id);
    let key = rewrite(&file, |text, changed_at| {
        let keys = parse(&file, text)?;
        let unknown = || KeysError::Unknown { path: file.path.clone() };
        let key = keys.iter().find(|key| key.id() == *id).ok_or_else(unknown)?;
        let standing = keys.standing(id, now).ok_or_else(unknown)?;
        match may_go_from(standing, changed_at, what.file.refresh_ttl) {
            None => Err(KeysError::Signs { id: id.clone() }),
            Some(from) if from > now && !what.force => {
                Err(KeysError::Alive { id: id.clone(), until: time(from) })
            }
            Some(_) => Ok((key_list::without(text, id), name(key))),
        }
    })?;
    Ok(format!("Retired key {key}.\n{FOLLOW}.\n"))
}

/// From which Unix second on a key may go, so that nobody is signed out: `None` while it signs; at once, if it has
/// signed nothing; otherwise when the last session that began before its successor signed is over. Where the list
/// does not say since when that is, it is not later than the list's last change.
fn may_go_from(standing: Standing, changed_at: i64, refresh_ttl: i64) -> Option<i64> {
    match standing {
        Standing::Signs => None,
        Standing::Waits => Some(i64::MIN),
        Standing::Rests(since) => Some(since.unwrap_or(changed_at).saturating_add(refresh_ttl)),
    }
}

fn usual_delay(algorithm: Algorithm) -> i64 {
    match algorithm {
        Algorithm::Hs256 => AFTER,
        Algorithm::EdDsa => AFTER_PUBLISHED,
    }
}

/// `from`, or the next second in which no other key begins: of two that begin together only one would sign.
fn second_of_its_own(keys: &SigningKeys, from: i64) -> i64 {
    let is_free = |second: &i64| keys.iter().all(|key| key.from() != *second);
    (from..).find(is_free).unwrap_or(from)
}

fn file_of(args: &KeyFileArgs) -> SecretFile {
    let kept_in = || args.data.data.join(KEY_FILE);
    // Not the server's own rule for a file that is named: what is written here is closed to others.
    SecretFile { path: args.signing_key_file.clone().unwrap_or_else(kept_in), is_private: true }
}

fn existing(args: &KeyFileArgs) -> Result<SecretFile, KeysError> {
    let file = file_of(args);
    if is_missing(&file) { Err(KeysError::NoFile { path: file.path }) } else { Ok(file) }
}

fn is_missing(file: &SecretFile) -> bool {
    matches!(fs::metadata(&file.path), Err(error) if error.kind() == ErrorKind::NotFound)
}

/// Whether the folder is there in which the file would be; that of a bare name is the current one.
fn has_folder(file: &SecretFile) -> bool {
    file.path.parent().is_some_and(|folder| folder == "" || folder.is_dir())
}

fn changed_at(file: &SecretFile) -> Result<i64, SecretError> {
    let unreadable = |cause| SecretError::Unreadable { path: file.path.clone(), cause };
    Ok(fs::metadata(&file.path).map_err(unreadable)?.ctime())
}

fn name(key: &SigningKey) -> String {
    format!("{} ({})", key.id(), key.algorithm())
}

/// RFC 3339 in UTC.
fn time(second: i64) -> String {
    Moment(second).machine()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use vestibule_api::Standing;
    use vestibule_types::Clock;

    use super::{KeysError, may_go_from, run};
    use crate::key_list;
    use crate::secrets::tests::Folder;
    use crate::settings::{Cli, Role};

    const NOW: i64 = 1_800_000_000;
    const WEEK: i64 = 604_800;

    /// `vestibule keys` on the file in a data folder, at a time of its own.
    struct Keys<'a>(&'a Path, Clock);

    impl Keys<'_> {
        fn run(&self, line: &str) -> Result<String, KeysError> {
            let line = format!("vestibule keys {line} --data {}", self.0.display());
            let arguments = line.split_whitespace().map(OsString::from);
            let Some(Role::Keys(what)) = Cli::read(arguments, |_| false).unwrap().command else {
                panic!("{line}");
            };
            run(what, false, &self.1)
        }

        fn refusal(&self, line: &str) -> String {
            let said = self.run(line).unwrap_err().to_string();
            assert!(!said.contains('\n'), "one line: {said}");
            said
        }

        /// `algorithm, what it does` of each key, and its id.
        fn list(&self) -> Vec<(String, String)> {
            let table = self.run("list").unwrap();
            let row = |line: &str| {
                let (id, rest) = line.split_once("  ").unwrap();
                (rest.split_whitespace().collect::<Vec<_>>().join(" "), id.to_owned())
            };
            table.lines().skip(1).map(row).collect()
        }

        fn does(&self) -> Vec<String> {
            self.list().into_iter().map(|(does, _)| does).collect()
        }

        fn id(&self, index: usize) -> String {
            self.list()[index].1.clone()
        }
    }

    #[test]
    fn ky_06_a_key_is_published_then_signs_and_its_predecessor_goes_after_the_last_session() {
        let folder = Folder::new("keys");
        let keys = Keys(&folder.0, Clock::stopped_at(NOW));
        assert!(keys.run("add").unwrap().starts_with("Made "));
        assert_eq!(keys.does(), ["HS256 signs"]);
        let said = keys.run("add --algorithm eddsa").unwrap();
        assert!(said.contains("It signs from 2027-01-15T08:01:30Z"), "{said}");
        assert_eq!(keys.does(), ["HS256 signs", "EdDSA signs from 2027-01-15T08:01:30Z"]);
        keys.1.advance(90);
        let rests = "HS256 verifies, may be retired from 2027-01-22T08:01:30Z";
        assert_eq!(keys.does(), [rests, "EdDSA signs"]);

        keys.1.advance(WEEK - 1);
        let old = keys.id(0);
        let refused = keys.refusal(&format!("retire {old}"));
        assert!(refused.contains("until 2027-01-22T08:01:30Z"), "{refused}");
        keys.1.advance(1);
        assert_eq!(keys.does(), ["HS256 verifies, may be retired", "EdDSA signs"]);
        keys.run(&format!("retire {old}")).unwrap();
        assert_eq!(keys.does(), ["EdDSA signs"]);
    }

    #[test]
    fn ky_06_the_key_that_signs_never_goes_and_one_with_live_tokens_only_by_force() {
        let folder = Folder::new("force");
        let keys = Keys(&folder.0, Clock::stopped_at(NOW));
        keys.run("add").unwrap();
        let first = keys.id(0);
        for line in [format!("retire {first}"), format!("retire {first} --force")] {
            assert!(keys.refusal(&line).contains("signs, so it can't go"), "{line}");
        }
        keys.run("add --after 0").unwrap();
        assert!(matches!(keys.run(&format!("retire {first}")), Err(KeysError::Alive { .. })));
        assert!(keys.run(&format!("retire {first} --refresh-ttl 300")).is_err());
        keys.run(&format!("retire {first} --force")).unwrap();
        assert_eq!(keys.does(), ["HS256 signs"]);
        keys.run("add --after 3600").unwrap();
        let never_used = keys.id(1);
        keys.run(&format!("retire {never_used}")).unwrap();
        assert_eq!(keys.does().len(), 1, "what has signed nothing goes at once");
        let unknown = keys.refusal("retire q0Zk2LmXv7Rt3Yp9Wd5Nc1Bf6Gh4Js8KaTuVwXyZ0Q4=");
        assert!(unknown.contains("vestibule keys list") && !unknown.contains("q0Zk"), "{unknown}");
    }

    #[test]
    fn a_key_goes_when_its_last_session_is_over_and_if_it_is_unknown_when_by_the_lists_last_change()
    {
        for (standing, from) in [
            (Standing::Signs, None),
            (Standing::Waits, Some(i64::MIN)),
            (Standing::Rests(Some(100)), Some(700)),
            (Standing::Rests(Some(i64::MAX)), Some(i64::MAX)),
            (Standing::Rests(None), Some(1_100)),
        ] {
            assert_eq!(may_go_from(standing, 500, 600), from, "{standing:?}");
        }
    }

    #[test]
    fn keys_that_are_added_at_once_all_stay_and_each_gets_its_turn() {
        let folder = Folder::new("adds");
        let add = |_| {
            let folder = folder.0.clone();
            std::thread::spawn(move || Keys(&folder, Clock::stopped_at(NOW)).run("add"))
        };
        let adds: Vec<_> = (0..8).map(add).collect();
        adds.into_iter().for_each(|add| drop(add.join().unwrap().unwrap()));
        let text = fs::read_to_string(folder.0.join("signing-key")).unwrap();
        let keys = key_list::parse(&text).unwrap();
        let mut seconds: Vec<i64> = keys.iter().map(|key| key.from()).collect();
        seconds.sort_unstable();
        assert_eq!(
            seconds,
            [0, 10, 11, 12, 13, 14, 15, 16].map(|s| if s == 0 { 0 } else { NOW + s })
        );
    }

    #[test]
    fn a_new_key_is_of_the_kind_that_signs_unless_told_otherwise() {
        let folder = Folder::new("kind");
        let keys = Keys(&folder.0, Clock::stopped_at(NOW));
        keys.run("add --algorithm eddsa").unwrap();
        keys.run("add --after 1").unwrap();
        keys.run("add --after 2 --algorithm hs256").unwrap();
        keys.1.advance(2);
        keys.run("add --after 1").unwrap();
        let kinds: Vec<String> = keys.does().iter().map(|does| does[..5].to_owned()).collect();
        assert_eq!(kinds, ["EdDSA", "EdDSA", "HS256", "HS256"]);
    }

    #[test]
    fn what_is_in_the_way_is_said_with_the_mend_and_the_file_stays() {
        let folder = Folder::new("in-the-way");
        let keys = Keys(&folder.0, Clock::stopped_at(NOW));
        let elsewhere = folder.0.join("nowhere");
        let nowhere = Keys(&elsewhere, Clock::stopped_at(NOW));
        for line in ["list", "add", "retire abcdefgh"] {
            assert!(nowhere.refusal(line).contains("--signing-key-file"), "{line}");
        }
        assert!(!elsewhere.exists());
        assert!(keys.refusal("list").contains("there is no key file"));

        keys.run("add").unwrap();
        let file = folder.0.join("signing-key");
        let text = fs::read_to_string(&file).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        for line in ["list", "add", "retire abcdefgh"] {
            assert!(keys.refusal(line).contains("chmod 600"), "{line}");
        }
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), text);
        fs::write(&file, "hunter2").unwrap();
        for line in ["list", "add", "retire abcdefgh"] {
            let refused = keys.refusal(line);
            assert!(refused.contains("openssl rand") && !refused.contains("hunter2"), "{line}");
        }
    }

    #[test]
    fn an_id_that_begins_with_a_dash_is_no_flag() {
        let folder = Folder::new("dash");
        let keys = Keys(&folder.0, Clock::stopped_at(NOW));
        keys.run("add").unwrap();
        for line in [
            "retire -abcdefg",
            "retire --bcdefg",
            "retire --force -abcdefg",
            "retire -abcdefg --force",
        ] {
            assert!(keys.refusal(line).contains("no key in"), "{line}");
        }
    }

    #[test]
    fn keys_in_a_variable_are_not_in_a_file() {
        let folder = Folder::new("variable");
        let line = format!("vestibule keys add --data {}", folder.0.display());
        let cli = Cli::read(line.split_whitespace().map(OsString::from), |_| false).unwrap();
        let Some(Role::Keys(what)) = cli.command else { panic!("not keys") };
        let refused = run(what, true, &Clock::stopped_at(NOW)).unwrap_err().to_string();
        assert!(refused.contains("VESTIBULE_SIGNING_KEY"), "{refused}");
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 0);
    }
}

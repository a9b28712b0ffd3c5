//! Where secrets come from: the environment, a file, or, on loopback only, the data folder.
//! The list of signing keys, which has more to it than secrets, is read in [`crate::key_list`].

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use vestibule_types::{Secret, WeakSecret};

use crate::key_list::InvalidKeys;

/// Why a secret or the data folder can't be used: the cause and what to do, never the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Not made by a random generator, or too short.
    #[error("{name} {why}. Make one: openssl rand -base64 32")]
    Weak {
        /// Variable or file.
        name: String,
        /// What is wrong with it.
        why: WeakSecret,
    },
    /// The list of signing keys can't be read as one.
    #[error("{name} {why}")]
    Keys {
        /// Variable or file.
        name: String,
        /// What is wrong with it, and the mend.
        why: InvalidKeys,
    },
    /// One secret would both seal cookies and sign tokens.
    #[error("{0} and {1} are the same. Make two: openssl rand -base64 32")]
    Same(&'static str, &'static str),
    /// Neither variable nor file, where one has to be given.
    #[error(
        "{0} is missing: off loopback, secrets are never made silently. Set it: openssl rand -base64 32"
    )]
    Missing(&'static str),
    /// Neither given nor kept, where it is only asked for.
    #[error(
        "{0} is missing here: give it as the site has it, or name the site's data folder: --data"
    )]
    NotMade(&'static str),
    /// A file can't be read.
    #[error("{} can't be read: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// A file can't be written.
    #[error("{} can't be written: {cause}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// A file is far larger than a list of secrets can be.
    #[error("{} is longer than {LONGEST} bytes: it holds no list of secrets", path.display())]
    Long {
        /// The file.
        path: PathBuf,
    },
    /// Others on this machine can read a file that holds a secret.
    #[error("{path} can be read by others (mode {mode:o}). Close it: chmod 600 {path}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The data folder can't be made or written to.
    #[error("the data folder {} can't be written to: {cause}. Give --data a folder that this user may write to", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// The random generator of the system failed.
    #[error("the system's random generator failed")]
    NoRandomness,
}

/// Longest file that is read as a list of secrets, in bytes.
const LONGEST: usize = 64 * 1024;

/// One secret: its variable, the value of that variable, the file that was named instead, and the file in the
/// data folder where one made here is kept.
pub struct Source<'a> {
    /// Name of the variable.
    pub variable: &'static str,
    /// Its value, if it is set.
    pub value: Option<String>,
    /// The file named by a setting.
    pub file: Option<&'a Path>,
    /// The file in the data folder, where one may be made; `None` if it has to be given.
    pub kept_in: Option<PathBuf>,
}

/// One secret, or several while they change: the first is used, all are still honoured (KY-03, KY-06).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Secrets {
    /// Seals or signs.
    pub first: Secret,
    /// Open or verify what was sealed or signed before.
    pub older: Vec<Secret>,
}

impl Secrets {
    /// All of them, the first one first.
    pub fn all(&self) -> impl Iterator<Item = &Secret> {
        std::iter::once(&self.first).chain(&self.older)
    }
}

/// Secrets for different things, by name.
pub type Named = Vec<(&'static str, Secrets)>;

/// The text of a secret or a list of them, and where it stands.
pub struct Found {
    /// Not looked at yet.
    pub text: String,
    /// The variable or file.
    pub place: Place,
}

/// Where secrets stand.
pub enum Place {
    /// In an environment variable.
    Variable(&'static str),
    /// In a file, which may change.
    File(SecretFile),
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => out.write_str(name),
            Self::File(file) => write!(out, "{}", file.path.display()),
        }
    }
}

/// A file with secrets.
#[derive(Clone, Debug)]
pub struct SecretFile {
    /// Its path.
    pub path: PathBuf,
    /// Whether it is ours, so that nobody else may read it. One that a setting names may have been put there by
    /// something that gives every file to everybody and guards the folder.
    pub is_private: bool,
}

impl SecretFile {
    /// What is in it.
    ///
    /// # Errors
    /// [`SecretError`] if it can't be read, is too long, or is open to others and must not be.
    pub fn read(&self) -> Result<String, SecretError> {
        let path = &self.path;
        let unreadable = |cause| SecretError::Unreadable { path: path.clone(), cause };
        let file = File::open(path).map_err(unreadable)?;
        let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
        if self.is_private && mode & 0o077 != 0 {
            return Err(SecretError::Open { path: path.clone(), mode });
        }
        let mut text = String::new();
        file.take(LONGEST as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
        if text.len() > LONGEST {
            return Err(SecretError::Long { path: path.clone() });
        }
        Ok(text)
    }
}

impl Source<'_> {
    /// The secrets: one, or several with commas or line breaks between.
    ///
    /// # Errors
    /// [`SecretError`], in words for whoever starts the server.
    pub fn load(self) -> Result<Secrets, SecretError> {
        let Found { text, place } = self.find()?;
        parse(&text).map_err(|why| SecretError::Weak { name: place.to_string(), why })
    }

    /// The secrets, if they were given or have been kept; here none are made.
    ///
    /// # Errors
    /// [`SecretError`], as above.
    pub fn given(self) -> Result<Option<Secrets>, SecretError> {
        let Some(Found { text, place }) = self.look()? else { return Ok(None) };
        let secrets = parse(&text);
        secrets.map(Some).map_err(|why| SecretError::Weak { name: place.to_string(), why })
    }

    /// The text, wherever it stands; made and kept first if it may be.
    ///
    /// # Errors
    /// [`SecretError`], in words for whoever starts the server.
    pub fn find(self) -> Result<Found, SecretError> {
        if let Some(found) = self.look()? {
            return Ok(found);
        }
        let path = self.kept_in.ok_or(SecretError::Missing(self.variable))?;
        open_folder(path.parent().unwrap_or(Path::new(".")))?;
        make_file(&path, &random_secret()?.to_text())?;
        let file = SecretFile { path, is_private: true };
        Ok(Found { text: file.read()?, place: Place::File(file) })
    }

    fn look(&self) -> Result<Option<Found>, SecretError> {
        if let Some(text) = self.value.clone().filter(|value| !value.is_empty()) {
            return Ok(Some(Found { text, place: Place::Variable(self.variable) }));
        }
        let file = match (self.file, &self.kept_in) {
            (Some(path), _) => SecretFile { path: path.to_owned(), is_private: false },
            (None, Some(path)) => SecretFile { path: path.clone(), is_private: true },
            (None, None) => return Ok(None),
        };
        match file.read() {
            Err(SecretError::Unreadable { cause, .. })
                if file.is_private
                    && matches!(cause.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                Ok(None)
            }
            text => Ok(Some(Found { text: text?, place: Place::File(file) })),
        }
    }
}

/// Makes the data folder, for its owner only, and checks that it can be written to (DF-04).
///
/// # Errors
/// [`SecretError::Folder`].
pub fn open_folder(path: &Path) -> Result<(), SecretError> {
    let failed = |cause| SecretError::Folder { path: path.to_owned(), cause };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    let probe = path.join(format!(".writable-{:016x}", random_number()?));
    private_file(&probe).and_then(|mut file| file.write_all(b"ok")).map_err(failed)?;
    fs::remove_file(&probe).map_err(failed)
}

/// Makes an empty file that only its owner can read, unless it is there.
///
/// # Errors
/// [`SecretError::Folder`].
pub fn reserve_file(path: &Path) -> Result<(), SecretError> {
    match private_file(path) {
        Err(cause) if cause.kind() != ErrorKind::AlreadyExists => {
            let folder = path.parent().unwrap_or(path);
            Err(SecretError::Folder { path: folder.to_owned(), cause })
        }
        _ => Ok(()),
    }
}

/// A new file that only its owner can read.
pub(crate) fn private_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// A name next to `path` that nobody else uses, not even a process of the same number in another container.
pub(crate) fn name_beside(path: &Path) -> Result<PathBuf, SecretError> {
    Ok(path.with_extension(format!("new-{:016x}", random_number()?)))
}

/// Makes a file with secrets, unless it is there; whether it did. The name appears only when the text is in it, whole and on
/// disk: another process that starts at the same time finds all of it or nothing.
pub(crate) fn make_file(path: &Path, text: &str) -> Result<bool, SecretError> {
    let failed =
        |cause| SecretError::Folder { path: path.parent().unwrap_or(path).to_owned(), cause };
    let new = name_beside(path)?;
    let mut file = private_file(&new).map_err(failed)?;
    let mut write = || {
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::hard_link(&new, path)
    };
    let written = write();
    let _ = fs::remove_file(&new);
    match written {
        Ok(()) => Ok(true),
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(cause) => Err(failed(cause)),
    }
}

/// Random bytes whose text reads as a secret again: one in a million happens to spell a word.
///
/// # Errors
/// [`SecretError::NoRandomness`].
pub fn random_secret() -> Result<Secret, SecretError> {
    loop {
        let mut bytes = [0_u8; Secret::LEAST];
        SystemRandom::new().fill(&mut bytes).map_err(|_| SecretError::NoRandomness)?;
        let secret = Secret::from_random(bytes);
        if Secret::parse(&secret.to_text()).is_ok() {
            return Ok(secret);
        }
    }
}

fn random_number() -> Result<u64, SecretError> {
    let mut bytes = [0_u8; 8];
    SystemRandom::new().fill(&mut bytes).map_err(|_| SecretError::NoRandomness)?;
    Ok(u64::from_be_bytes(bytes))
}

fn parse(text: &str) -> Result<Secrets, WeakSecret> {
    let parts = text.split([',', '\n']).map(str::trim).filter(|part| !part.is_empty());
    let mut secrets = parts.map(Secret::parse).collect::<Result<Vec<_>, _>>()?;
    if secrets.is_empty() {
        return Err(WeakSecret::Short);
    }
    let first = secrets.remove(0);
    Ok(Secrets { first, older: secrets })
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use super::{SecretError, Source, open_folder};

    const GOOD: &str = "q0Zk2LmXv7Rt3Yp9Wd5Nc1Bf6Gh4Js8KaTuVwXyZ0Q4=";

    /// A data folder that is gone with the test.
    pub(crate) struct Folder(pub(crate) PathBuf);

    impl Folder {
        pub(crate) fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("vestibule-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            open_folder(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn source(value: Option<&str>, kept_in: Option<PathBuf>) -> Source<'static> {
        Source { variable: "AUTH_SECRET", value: value.map(str::to_owned), file: None, kept_in }
    }

    #[test]
    fn df_04_a_secret_made_here_is_kept_for_its_owner_only() {
        let folder = Folder::new("secrets");
        let file = folder.0.join("auth-secret");
        let made = source(None, Some(file.clone())).load().unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&folder.0).unwrap().permissions().mode() & 0o777, 0o700);
        assert!(source(None, Some(file)).load().unwrap() == made, "the next start finds it");
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let folder = Folder::new("open");
        let file = folder.0.join("auth-secret");
        source(None, Some(file.clone())).load().unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let refused = source(None, Some(file)).load().unwrap_err();
        assert!(matches!(refused, SecretError::Open { mode: 0o640, .. }), "{refused}");
    }

    #[test]
    fn se_02_where_one_has_to_be_given_none_is_made() {
        let refused = source(None, None).load().unwrap_err();
        assert!(refused.to_string().starts_with("AUTH_SECRET is missing"), "{refused}");
        assert!(source(Some(""), None).load().is_err());
        assert!(source(Some(GOOD), None).load().is_ok());
    }

    #[test]
    fn one_that_is_optional_is_found_and_not_made() {
        let folder = Folder::new("find");
        let file = folder.0.join("feed-key");
        assert_eq!(source(None, Some(file.clone())).given().unwrap(), None);
        assert_eq!(source(None, None).given().unwrap(), None);
        assert!(!file.exists());
        let made = source(None, Some(file.clone())).load().unwrap();
        assert!(source(None, Some(file)).given().unwrap() == Some(made));
        assert!(source(Some("weak"), None).given().is_err(), "a bad one is no missing one");
    }

    #[test]
    fn se_01_a_weak_one_is_refused_without_being_repeated() {
        let refused = source(Some("my-little-secret"), None).load().unwrap_err().to_string();
        assert!(refused.starts_with("AUTH_SECRET ") && !refused.contains("my-little"), "{refused}");
    }

    #[test]
    fn ky_03_several_are_a_list_and_each_has_to_be_strong() {
        const OTHER: &str = "n8Hs3Kd0Vb6Qw1Zx5Lc9Rt2Yp7Mf4Jg8TaXuWvEyO1E=";
        for text in
            [format!("{GOOD},{OTHER}"), format!("{GOOD}\n{OTHER}\n"), format!(" {GOOD} , {OTHER},")]
        {
            let secrets = source(Some(&text), None).load().unwrap();
            assert_eq!(secrets.first, vestibule_types::Secret::parse(GOOD).unwrap());
            assert_eq!(secrets.older, [vestibule_types::Secret::parse(OTHER).unwrap()]);
        }
        for text in [format!("{GOOD},weak"), ",".to_owned(), " ".to_owned()] {
            assert!(source(Some(&text), None).load().is_err(), "{text}");
        }
    }

    #[test]
    fn two_that_start_at_once_agree() {
        let folder = Folder::new("race");
        let file = folder.0.join("auth-secret");
        let start = |_| {
            let file = file.clone();
            std::thread::spawn(move || source(None, Some(file)).load())
        };
        let starts: Vec<_> = (0..8).map(start).collect();
        let secrets: Vec<_> =
            starts.into_iter().map(|start| start.join().unwrap().unwrap()).collect();
        let kept = source(None, Some(file.clone())).load().unwrap();
        assert!(secrets.iter().all(|secret| *secret == kept));
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn a_folder_that_cannot_be_made_says_so() {
        let refused = open_folder(&PathBuf::from("/dev/null/vestibule")).unwrap_err().to_string();
        assert!(refused.contains("/dev/null/vestibule") && refused.contains("--data"), "{refused}");
    }
}

//! TLS from PEM files, which are read again when they change (TL-01, F29).

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ServerConfig};
use vestibule_types::Clock;

use super::certificate;
use crate::key_file::Stamp;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// How long before its end a certificate is complained about, in seconds: 14 days.
const SOON: i64 = 14 * DAY;
const DAY: i64 = 24 * 60 * 60;

/// Why TLS can't be had: the cause and the mend, never anything of the key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file can't be read.
    #[error("{flag} {} can't be read: {cause}. Name a PEM file that this user may read", path.display())]
    Unreadable {
        /// The setting.
        flag: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// Everybody on this machine can read the key.
    #[error("--tls-key {path} can be read by others (mode {mode:o}). Close it: chmod 600 {path}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// There is no certificate in the file.
    #[error("--tls-cert {} has no certificate that can be read. It has to be PEM, this site's certificate first and then those above it", .0.display())]
    NoCertificate(PathBuf),
    /// There is no key in the file.
    #[error("--tls-key {} has no private key that can be read. It has to be PEM and without a password", .0.display())]
    NoKey(PathBuf),
    /// They don't belong together.
    #[error("--tls-key {} is not the key of the certificate {}. Give both files of one certificate", key.display(), certificate.display())]
    Mismatch {
        /// The file of the key.
        key: PathBuf,
        /// The file of the certificate.
        certificate: PathBuf,
    },
    /// The library refuses them.
    #[error("TLS can't be had with {}: {cause}", certificate.display())]
    Refused {
        /// The file of the certificate.
        certificate: PathBuf,
        /// Why.
        cause: rustls::Error,
    },
}

/// A certificate with those above it, and its key.
#[derive(Clone, Debug)]
pub struct PemFiles {
    /// The chain, the site's own certificate first.
    pub certificate: PathBuf,
    /// The private key.
    pub key: PathBuf,
}

/// What a listener needs to speak TLS: 1.2 and 1.3, only with forward secrecy, HTTP/2 and HTTP/1.1.
#[derive(Clone)]
pub struct Tls {
    files: PemFiles,
    in_use: Arc<InUse>,
    pub(super) acceptor: TlsAcceptor,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Tls({})", self.files.certificate.display())
    }
}

#[derive(Debug)]
struct InUse(ArcSwap<Loaded>);

#[derive(Debug)]
struct Loaded {
    key: Arc<CertifiedKey>,
    ends_at: i64,
}

impl ResolvesServerCert for InUse {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load().key.clone())
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// [`TlsError`], in words for whoever starts the server.
    pub fn load(files: PemFiles) -> Result<Self, TlsError> {
        let in_use = Arc::new(InUse(ArcSwap::from_pointee(files.read()?)));
        let refused = |cause| TlsError::Refused { certificate: files.certificate.clone(), cause };
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(refused)?
            .with_no_client_auth();
        let mut config = config.with_cert_resolver(in_use.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(refused)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self { files, in_use, acceptor })
    }

    /// Reads the files again. Connections that are open stay as they are.
    ///
    /// # Errors
    /// [`TlsError`]; then what was read before stays in use.
    pub fn reload(&self) -> Result<(), TlsError> {
        self.in_use.0.store(Arc::new(self.files.read()?));
        Ok(())
    }

    /// When the certificate in use ends, in Unix seconds.
    pub fn ends_at(&self) -> i64 {
        self.in_use.0.load().ends_at
    }
}

impl PemFiles {
    fn read(&self) -> Result<Loaded, TlsError> {
        let chain = read("--tls-cert", &self.certificate)?;
        let chain: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&chain).collect();
        let chain = chain.unwrap_or_default();
        let ends_at = chain.first().and_then(|first| certificate::ends_at(first));
        let no_certificate = || TlsError::NoCertificate(self.certificate.clone());
        let ends_at = ends_at.ok_or_else(no_certificate)?;
        let key = self.read_key()?;
        let key = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
        let key = key.map_err(|cause| match cause {
            rustls::Error::InconsistentKeys(_) => {
                TlsError::Mismatch { key: self.key.clone(), certificate: self.certificate.clone() }
            }
            cause => TlsError::Refused { certificate: self.certificate.clone(), cause },
        })?;
        Ok(Loaded { key: Arc::new(key), ends_at })
    }

    /// A group may read it, for that is how systems share keys with servers; everybody may not.
    fn read_key(&self) -> Result<PrivateKeyDer<'static>, TlsError> {
        let path = &self.key;
        let unreadable =
            |cause| TlsError::Unreadable { flag: "--tls-key", path: path.clone(), cause };
        let mode = fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o777;
        if mode & 0o007 != 0 {
            return Err(TlsError::Open { path: path.clone(), mode });
        }
        let text = read("--tls-key", path)?;
        PrivateKeyDer::from_pem_slice(&text).map_err(|_| TlsError::NoKey(path.clone()))
    }

    /// Changes when one of them does.
    fn stamps(&self) -> [Option<Stamp>; 2] {
        [Stamp::of(&self.certificate), Stamp::of(&self.key)]
    }
}

fn read(flag: &'static str, path: &Path) -> Result<Vec<u8>, TlsError> {
    fs::read(path).map_err(|cause| TlsError::Unreadable { flag, path: path.to_owned(), cause })
}

/// Reads the files again whenever they change and when the process is told to (SIGHUP), and complains of a certificate that
/// ends; until the process ends. From now on that signal does not end it.
///
/// # Errors
/// The operating system's, if it gives no signals.
pub fn follow(tls: Tls, clock: Clock) -> io::Result<()> {
    let told = signal(SignalKind::hangup())?;
    tokio::spawn(following(tls, clock, told));
    Ok(())
}

async fn following(tls: Tls, clock: Clock, mut told: Signal) {
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut follower = Follower { seen: Some(tls.files.stamps()), tls, complained_on: None };
    loop {
        let is_told = tokio::select! {
            _ = look.tick() => false,
            _ = told.recv() => true,
        };
        let now = clock.now();
        let looked = spawn_blocking(move || {
            follower.look(is_told);
            follower.complain(now);
            follower
        });
        let Ok(again) = looked.await else { return };
        follower = again;
    }
}

struct Follower {
    tls: Tls,
    /// The files when they were last read.
    seen: Option<[Option<Stamp>; 2]>,
    /// The day on which the end was last complained of.
    complained_on: Option<i64>,
}

impl Follower {
    fn look(&mut self, is_told: bool) {
        // Before the text, so that a change in between is seen next time.
        let stamps = Some(self.tls.files.stamps());
        if stamps == self.seen && !is_told {
            return;
        }
        self.seen = stamps;
        match self.tls.reload() {
            Ok(()) => {
                self.complained_on = None;
                tracing::info!(tls.ends_at = self.tls.ends_at(), "the certificate was read again");
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::error!(error, "the certificate can't be replaced: the one in use stays");
            }
        }
    }

    /// Once a day.
    fn complain(&mut self, now: i64) {
        let left = self.tls.ends_at() - now;
        metrics::gauge!("vestibule_tls_certificate_expires_seconds").set(left as f64);
        let today = now.div_euclid(DAY);
        if left >= SOON || self.complained_on == Some(today) {
            return;
        }
        self.complained_on = Some(today);
        let file = self.tls.files.certificate.display();
        if left <= 0 {
            tracing::error!(%file, "the certificate has expired: browsers refuse this site. Renew it");
        } else {
            let days_left = left.div_euclid(DAY);
            tracing::warn!(%file, days_left, "the certificate ends soon. Renew it");
        }
    }
}

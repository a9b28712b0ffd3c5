//! A stretch of network between an API node and its database, that can be cut or go silent.

use std::io;
use std::net::Ipv4Addr;

use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Wire {
    pub(crate) port: u16,
    state: watch::Sender<State>,
}

#[derive(Clone, Copy, Default)]
struct State {
    is_frozen: bool,
    /// How often all connections were cut.
    cuts: u64,
}

impl Wire {
    /// Listens on a port of its own and passes on to the port `to`.
    pub(crate) async fn open(to: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let (state, seen) = watch::channel(State::default());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(carry(near, to, seen.clone()));
            }
        });
        Ok(Self { port, state })
    }

    /// Ends all connections; new ones may be made.
    pub(crate) fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// Says nothing any more, on old connections and new ones, without ending them; or goes on.
    pub(crate) fn freeze(&self, is_frozen: bool) {
        self.state.send_modify(|state| state.is_frozen = is_frozen);
    }
}

async fn carry(near: TcpStream, to: u16, mut state: watch::Receiver<State>) {
    let cuts = state.borrow().cuts;
    let Ok(far) = TcpStream::connect((Ipv4Addr::LOCALHOST, to)).await else { return };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let (near_out, near_in) = near.into_split();
    let (far_out, far_in) = far.into_split();
    tokio::select! {
        _ = pump(near_out, far_in, state.clone()) => {}
        _ = pump(far_out, near_in, state.clone()) => {}
        _ = state.wait_for(|state| state.cuts != cuts) => {}
    }
}

/// Passes on until the one end closes or the other can't be written to.
async fn pump(
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    mut state: watch::Receiver<State>,
) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        from.readable().await?;
        let read = match from.try_read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Err(error) => return Err(error),
        };
        let _closed = state.wait_for(|state| !state.is_frozen).await.map(drop);
        let mut rest = &buffer[..read];
        while !rest.is_empty() {
            to.writable().await?;
            match to.try_write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

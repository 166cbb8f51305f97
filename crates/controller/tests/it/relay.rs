//! The way to a node, whose connections a test can end.

use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use parking_lot::Mutex;

/// Passes on what comes, for as long as the process lives.
pub struct Relay {
    pub address: SocketAddr,
    made: Arc<Mutex<Made>>,
}

/// The connections that were made by it, both ends of each.
#[derive(Default)]
struct Made {
    count: usize,
    ends: Vec<(TcpStream, TcpStream)>,
}

impl Relay {
    /// To who listens there.
    pub fn to(node: SocketAddr) -> Relay {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let made = Arc::<Mutex<Made>>::default();
        let accepted = made.clone();
        thread::spawn(move || {
            for from in listener.incoming().flatten() {
                // Who is refused here sees a connection that ends at once.
                if let Ok(to) = TcpStream::connect(node) {
                    drop(join(&from, &to));
                    let mut made = accepted.lock();
                    made.count += 1;
                    made.ends.push((from, to));
                }
            }
        });
        Relay { address, made }
    }

    /// How many connections were made by it.
    pub fn made(&self) -> usize {
        self.made.lock().count
    }

    /// Ends all connections.
    pub fn cut(&self) {
        for (from, to) in self.made.lock().ends.drain(..) {
            drop(from.shutdown(Shutdown::Both));
            drop(to.shutdown(Shutdown::Both));
        }
    }
}

fn join(from: &TcpStream, to: &TcpStream) -> io::Result<()> {
    for (mut read, mut write) in [
        (from.try_clone()?, to.try_clone()?),
        (to.try_clone()?, from.try_clone()?),
    ] {
        read.set_nodelay(true)?;
        thread::spawn(move || {
            drop(io::copy(&mut read, &mut write));
            drop(read.shutdown(Shutdown::Both));
            drop(write.shutdown(Shutdown::Both));
        });
    }
    Ok(())
}

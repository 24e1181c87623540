//! A network between browser and server that can be cut.

use std::io::copy;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::spawn;

pub struct Forwarder {
    address: String,
    cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Forwarder {
    /// A port of its own from which connections go on to `server`, HOST:PORT.
    pub fn to(server: &str) -> Forwarder {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound").to_string();
        let forwarder = Forwarder {
            address,
            cut: Arc::default(),
            open: Arc::default(),
        };
        let (server, cut, open) = (
            server.to_owned(),
            forwarder.cut.clone(),
            forwarder.open.clone(),
        );
        spawn(move || {
            for browser in listener.incoming().flatten() {
                if !cut.load(Ordering::SeqCst) {
                    forward(browser, &server, &open);
                }
            }
        });
        forwarder
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends all connections, and every new one at once.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        for stream in self.open.lock().expect("nobody panics with it").drain(..) {
            // One that has ended already is as well cut.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn mend(&self) {
        self.cut.store(false, Ordering::SeqCst);
    }
}

/// Copies both ways until one side ends.
fn forward(browser: TcpStream, server: &str, open: &Mutex<Vec<TcpStream>>) {
    let server = TcpStream::connect(server).expect("the server listens");
    let again = |stream: &TcpStream| stream.try_clone().expect("a descriptor");
    for (mut from, mut to) in [
        (again(&browser), again(&server)),
        (again(&server), again(&browser)),
    ] {
        spawn(move || {
            let _ = copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    open.lock()
        .expect("nobody panics with it")
        .extend([browser, server]);
}

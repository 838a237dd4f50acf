//! Every UDP listener, heard together.
//!
//! Invariant: a wait is kept between turns, so that no wake-up is missed, and no busy socket starves the others.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::udp::Udp;
use crate::sip::Flow;

/// One wait for one socket.
type Wait = Pin<Box<dyn Future<Output = ()>>>;

/// The listeners and their waits.
pub(super) struct Ears {
    sockets: Vec<(Rc<Udp>, Wait)>,
    /// Who is asked first, so that a busy socket does not starve the others.
    first: usize,
}

impl Ears {
    /// Ears over `sockets`.
    pub fn new(sockets: Vec<Udp>) -> Ears {
        let sockets = sockets.into_iter().map(|socket| {
            let socket = Rc::new(socket);
            let wait = wait(&socket);
            (socket, wait)
        });
        Ears { sockets: sockets.collect(), first: 0 }
    }

    /// A socket that has something.
    pub fn ready(&mut self) -> impl Future<Output = Rc<Udp>> {
        std::future::poll_fn(|context| self.poll_ready(context))
    }

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Rc<Udp>> {
        let count = self.sockets.len();
        for i in 0..count {
            let at = (self.first + i) % count;
            if let Some((socket, waiting)) = self.sockets.get_mut(at)
                && waiting.as_mut().poll(context).is_ready()
            {
                *waiting = wait(socket);
                self.first = at + 1;
                return Poll::Ready(Rc::clone(socket));
            }
        }
        Poll::Pending
    }

    /// Sends through the socket that carries the flow.
    ///
    /// # Errors
    /// None carries it, or the system's.
    pub fn send(&self, flow: &Flow, octets: &[u8]) -> io::Result<()> {
        let Some((socket, _)) = self.sockets.iter().find(|(socket, _)| socket.carries(flow.local)) else {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        };
        match socket.send(flow, octets) {
            // The error belongs to an earlier datagram (udp(7)); this one was not tried yet.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => socket.send(flow, octets),
            other => other,
        }
    }
}

fn wait(socket: &Rc<Udp>) -> Wait {
    let socket = Rc::clone(socket);
    Box::pin(async move {
        if let Err(error) = socket.ready().await {
            tracing::error!(%error, local = %socket.local(), "a listener is deaf");
            std::future::pending::<()>().await;
        }
    })
}

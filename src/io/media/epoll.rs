//! The back end for every kernel: one level-triggered epoll, one receive per readiness, sent straight from the buffer.
//!
//! Level-triggered: a socket with more than one datagram is ready again at once, and no receive is spent on finding one
//! empty. Invariant: an event of a closed leg finds no socket, because the key in it names a generation.

use std::io;
use std::mem::MaybeUninit;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use crate::base::Time;
use crate::io::clock::Clock;
use crate::media::{BUFFER_SPARE, Channel, Forward, LegKey, Wire};

use super::back_end::{Arrival, BackEnd, DATAGRAM, Pair, Socketry, Sockets};

/// Events of one wait: about a millisecond of work, after which timers have their turn.
const EVENTS: usize = 256;
/// The event data of the wake-up; no key gives it, because generations have 31 bits.
const WAKE: u64 = u64::MAX;

/// See the module.
pub(super) struct Epoll {
    epoll: OwnedFd,
    wake: Arc<OwnedFd>,
    sockets: Vec<Option<(LegKey, Pair)>>,
    buffer: Box<[u8; DATAGRAM + BUFFER_SPARE]>,
    house: Sockets,
    connect: bool,
}

impl Epoll {
    /// An epoll that `wake` (an eventfd) interrupts.
    pub(super) fn new(wake: Arc<OwnedFd>, socketry: Socketry, connect: bool) -> io::Result<Epoll> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &*wake, epoll::EventData::new_u64(WAKE), epoll::EventFlags::IN)?;
        Ok(Epoll {
            epoll,
            wake,
            sockets: Vec::new(),
            buffer: Box::new([0; DATAGRAM + BUFFER_SPARE]),
            house: Sockets::new(socketry),
            connect,
        })
    }

    fn pair(&self, key: LegKey) -> Option<&Pair> {
        let (of, pair) = self.sockets.get(key.index() as usize)?.as_ref()?;
        (*of == key).then_some(pair)
    }

    /// Receives one datagram, if one is there, and sends what `take` makes of it.
    fn receive(
        &mut self,
        at: Time,
        (key, channel): (LegKey, Channel),
        take: &mut dyn FnMut(Arrival<'_>) -> Option<Forward>,
    ) {
        let Some(Some((of, pair))) = self.sockets.get(key.index() as usize) else { return };
        if *of != key {
            return;
        }
        // Refusals of what was sent earlier are told here too; they mean nothing for what comes in.
        let Ok((from, len)) = pair.socket(channel).receive(&mut self.buffer[..DATAGRAM]) else { return };
        let len = if len <= DATAGRAM { len } else { 0 };
        let arrival = Arrival { at, key, channel, from, buffer: &mut self.buffer[..], len };
        if let Some(forward) = take(arrival)
            && let Some(datagram) = self.buffer.get(forward.place)
            && let Some(pair) = self.pair(forward.key)
        {
            pair.socket(forward.channel).send(forward.to, datagram);
        }
    }

    fn watch(&self, key: LegKey, pair: &Pair) -> io::Result<()> {
        for channel in [Channel::Rtp, Channel::Rtcp] {
            let data = epoll::EventData::new_u64(token(key, channel));
            epoll::add(&self.epoll, pair.socket(channel).fd(), data, epoll::EventFlags::IN)?;
        }
        Ok(())
    }
}

/// Generation (31 bits), slot (32), channel (1).
fn token(key: LegKey, channel: Channel) -> u64 {
    u64::from(key.generation()) << 33 | u64::from(key.index()) << 1 | u64::from(channel == Channel::Rtcp)
}

fn named(token: u64) -> (LegKey, Channel) {
    let key = LegKey::from_parts((token >> 1) as u32, (token >> 33) as u32);
    (key, if token & 1 == 0 { Channel::Rtp } else { Channel::Rtcp })
}

impl BackEnd for Epoll {
    fn sockets(&mut self) -> &mut Sockets {
        &mut self.house
    }

    fn turn(
        &mut self,
        wait: Option<Duration>,
        _gather: bool,
        clock: Clock,
        take: &mut dyn FnMut(Arrival<'_>) -> Option<Forward>,
    ) -> io::Result<(Time, bool)> {
        // Whole milliseconds, rounded up: every kernel has that call, and a frame may be late by one.
        let wait = wait.map(|wait| {
            let ms = wait.as_micros().div_ceil(1_000).min(60_000) as i64;
            Timespec { tv_sec: ms / 1_000, tv_nsec: ms % 1_000 * 1_000_000 }
        });
        let mut events = [const { MaybeUninit::uninit() }; EVENTS];
        let events = match epoll::wait(&self.epoll, &mut events, wait.as_ref()) {
            Ok((events, _)) => &*events,
            Err(Errno::INTR) => &[],
            Err(error) => return Err(error.into()),
        };
        let at = clock.now();
        let mut woken = false;
        for event in events {
            match event.data.u64() {
                WAKE => woken = true,
                token => self.receive(at, named(token), take),
            }
        }
        if woken {
            let _ = rustix::io::read(&*self.wake, &mut [0; 8]);
        }
        Ok((at, woken))
    }
}

impl Wire for Epoll {
    fn open(&mut self, key: LegKey, local: IpAddr) -> Option<SocketAddr> {
        let pair = self.house.take(local)?;
        let local = pair.local();
        if let Err(error) = self.watch(key, &pair) {
            tracing::warn!(%error, at = %local, "no media socket");
            return None;
        }
        let place = key.index() as usize;
        if self.sockets.len() <= place {
            self.sockets.resize_with(place + 1, || None);
        }
        self.sockets[place] = Some((key, pair));
        Some(local)
    }

    fn narrow(&mut self, key: LegKey, channel: Channel, far: Option<SocketAddr>) {
        if let Some(Some((of, pair))) = self.sockets.get_mut(key.index() as usize)
            && self.connect
            && *of == key
        {
            pair.socket_mut(channel).narrow(far);
        }
    }

    fn send(&mut self, key: LegKey, channel: Channel, to: SocketAddr, datagram: &[u8]) {
        if let Some(pair) = self.pair(key) {
            pair.socket(channel).send(to, datagram);
        }
    }

    fn close(&mut self, key: LegKey) {
        let Some(slot) = self.sockets.get_mut(key.index() as usize) else { return };
        if slot.as_ref().is_some_and(|(of, _)| *of == key) {
            *slot = None;
        }
    }
}

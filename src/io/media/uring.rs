//! The back end for kernels since 6.1: multishot receives into buffers that the kernel chooses, sends from the same
//! buffers, one system call a turn for all of it.
//!
//! A socket is held by its receive until that has ended: a closed pair of ports goes back to the pool with the last
//! completion of its receives. Invariant: a slot is used again only after that, so that a completion names its own pair.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use crate::base::Time;
use crate::io::clock::Clock;
use crate::media::{BUFFER_SPARE, Channel, Forward, LegKey, Wire};

use super::back_end::{Arrival, BackEnd, DATAGRAM, Pair, Socketry, Sockets};
use super::ring::{Done, Ring};

/// How many completions a turn gathers when nobody waits for any: an eighth of the buffers.
const GATHERED: usize = 64;
/// Completions of one turn: about a millisecond of work, after which timers have their turn.
const COMPLETIONS: usize = 512;
const CHANNELS: [Channel; 2] = [Channel::Rtp, Channel::Rtcp];

/// See the module.
pub(super) struct Uring {
    ring: Ring,
    wake: Arc<OwnedFd>,
    slots: Vec<Option<Slot>>,
    vacant: Vec<u32>,
    /// The slot of each leg, by the leg's index.
    legs: Vec<Option<(LegKey, u32)>>,
    house: Sockets,
    connect: bool,
}

struct Slot {
    key: LegKey,
    pair: Pair,
    /// Receives that have not ended, by channel.
    armed: [bool; 2],
    closing: bool,
}

/// What a request is for, in its token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Purpose {
    Receive(u32, Channel),
    Send(u16),
    Wake,
    Cancel,
}

impl Purpose {
    fn token(self) -> u64 {
        match self {
            Purpose::Receive(slot, channel) => {
                u64::from(slot) << 3 | u64::from(channel == Channel::Rtcp) << 2
            }
            Purpose::Send(buffer) => u64::from(buffer) << 3 | 1,
            Purpose::Wake => 2,
            Purpose::Cancel => 3,
        }
    }

    fn of(token: u64) -> Purpose {
        let channel = if token & 4 == 0 { Channel::Rtp } else { Channel::Rtcp };
        match token & 3 {
            0 => Purpose::Receive((token >> 3) as u32, channel),
            1 => Purpose::Send((token >> 3) as u16),
            2 => Purpose::Wake,
            _ => Purpose::Cancel,
        }
    }
}

impl Uring {
    /// A ring that `wake` (an eventfd) interrupts.
    ///
    /// # Errors
    /// When the kernel does not have what is needed, or forbids it.
    pub(super) fn new(wake: Arc<OwnedFd>, socketry: Socketry, connect: bool) -> io::Result<Uring> {
        let mut ring = Ring::new(DATAGRAM, BUFFER_SPARE)?;
        ring.watch(wake.as_fd(), Purpose::Wake.token())?;
        Ok(Uring {
            ring,
            wake,
            slots: Vec::new(),
            vacant: Vec::new(),
            legs: Vec::new(),
            house: Sockets::new(socketry),
            connect,
        })
    }

    fn slot_of(&self, key: LegKey) -> Option<u32> {
        let (of, slot) = (*self.legs.get(key.index() as usize)?)?;
        (of == key).then_some(slot)
    }

    fn slot(&self, slot: u32) -> Option<&Slot> {
        self.slots.get(slot as usize)?.as_ref()
    }

    fn slot_mut(&mut self, slot: u32) -> Option<&mut Slot> {
        self.slots.get_mut(slot as usize)?.as_mut()
    }

    fn arm(&mut self, number: u32, channel: Channel) -> io::Result<()> {
        let Some(Some(slot)) = self.slots.get_mut(number as usize) else { return Ok(()) };
        let token = Purpose::Receive(number, channel).token();
        self.ring.receive(slot.pair.socket(channel).fd().as_fd(), token)?;
        slot.armed[channel as usize] = true;
        Ok(())
    }

    /// A receive completed: a datagram, an error, or the end of a multishot receive.
    fn arrived(
        &mut self,
        at: Time,
        done: Done,
        (slot, channel): (u32, Channel),
        take: &mut dyn FnMut(Arrival<'_>) -> Option<Forward>,
    ) -> io::Result<()> {
        if let Some(buffer) = done.buffer {
            let forward = self.take(at, (buffer, done.result), (slot, channel), take);
            if !forward.is_some_and(|forward| self.forward(buffer, forward)) {
                self.ring.give(buffer);
            }
        }
        if done.more {
            return Ok(());
        }
        if done.starved() {
            self.ring.lend_more();
        }
        let Some(open) = self.slot_mut(slot) else { return Ok(()) };
        open.armed[channel as usize] = false;
        if !open.closing {
            // Out of buffers, or a refusal of what was sent earlier: it means nothing for what comes in.
            return self.arm(slot, channel);
        }
        self.release_when_free(slot);
        Ok(())
    }

    fn take(
        &mut self,
        at: Time,
        (buffer, result): (u16, i32),
        (slot, channel): (u32, Channel),
        take: &mut dyn FnMut(Arrival<'_>) -> Option<Forward>,
    ) -> Option<Forward> {
        let key = self.slot(slot).filter(|slot| !slot.closing)?.key;
        let received = self.ring.received(buffer, result)?;
        let octets = self.ring.buffer(buffer)?;
        take(Arrival { at, key, channel, from: received.from, buffer: octets, len: received.len })
    }

    /// Sends from a buffer; false when nothing was begun and the buffer is ours still.
    fn forward(&mut self, buffer: u16, forward: Forward) -> bool {
        let Forward { key, channel, to, place } = forward;
        let Some(Some(slot)) = self.slot_of(key).and_then(|slot| self.slots.get(slot as usize)) else {
            return false;
        };
        let socket = slot.pair.socket(channel);
        let target = (!socket.is_connected_to(to)).then_some(to);
        self.ring.send(socket.fd().as_fd(), Purpose::Send(buffer).token(), buffer, place, target).is_ok()
    }

    fn release_when_free(&mut self, number: u32) {
        let Some(place) = self.slots.get_mut(number as usize) else { return };
        if place.as_ref().is_some_and(|slot| slot.closing && slot.armed == [false, false]) {
            *place = None;
            self.vacant.push(number);
        }
    }
}

impl BackEnd for Uring {
    fn sockets(&mut self) -> &mut Sockets {
        &mut self.house
    }

    fn turn(
        &mut self,
        wait: Option<Duration>,
        gather: bool,
        clock: Clock,
        take: &mut dyn FnMut(Arrival<'_>) -> Option<Forward>,
    ) -> io::Result<(Time, bool)> {
        self.ring.wait(wait, if gather { GATHERED } else { 1 })?;
        let at = clock.now();
        let mut woken = false;
        for _ in 0..COMPLETIONS {
            let Some(done) = self.ring.next() else { break };
            match Purpose::of(done.token) {
                Purpose::Receive(slot, channel) => self.arrived(at, done, (slot, channel), take)?,
                Purpose::Send(buffer) => {
                    self.ring.sent(buffer);
                    self.ring.give(buffer);
                }
                Purpose::Wake => {
                    woken = true;
                    if !done.more {
                        self.ring.watch(self.wake.as_fd(), Purpose::Wake.token())?;
                    }
                }
                Purpose::Cancel => {}
            }
        }
        if woken {
            let _ = rustix::io::read(&*self.wake, &mut [0; 8]);
        }
        Ok((at, woken))
    }
}

impl Wire for Uring {
    fn open(&mut self, key: LegKey, local: IpAddr) -> Option<SocketAddr> {
        let pair = self.house.take(local)?;
        let local = pair.local();
        let number = self.vacant.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() as u32 - 1
        });
        *self.slots.get_mut(number as usize)? =
            Some(Slot { key, pair, armed: [false, false], closing: false });
        let place = key.index() as usize;
        if self.legs.len() <= place {
            self.legs.resize(place + 1, None);
        }
        self.legs[place] = Some((key, number));
        for channel in CHANNELS {
            if let Err(error) = self.arm(number, channel) {
                tracing::warn!(%error, at = %local, "no media socket");
                self.close(key);
                return None;
            }
        }
        Some(local)
    }

    fn narrow(&mut self, key: LegKey, channel: Channel, far: Option<SocketAddr>) {
        if !self.connect {
            return;
        }
        if let Some(slot) = self.slot_of(key).and_then(|slot| self.slot_mut(slot)) {
            slot.pair.socket_mut(channel).narrow(far);
        }
    }

    fn send(&mut self, key: LegKey, channel: Channel, to: SocketAddr, datagram: &[u8]) {
        if let Some(slot) = self.slot_of(key).and_then(|slot| self.slot(slot)) {
            slot.pair.socket(channel).send(to, datagram);
        }
    }

    fn close(&mut self, key: LegKey) {
        let Some(number) = self.slot_of(key) else { return };
        self.legs[key.index() as usize] = None;
        let Some(slot) = self.slot_mut(number) else { return };
        slot.closing = true;
        let armed = slot.armed;
        for channel in CHANNELS {
            if armed[channel as usize]
                && let Err(error) =
                    self.ring.cancel(Purpose::Receive(number, channel).token(), Purpose::Cancel.token())
            {
                tracing::error!(%error, "a media port cannot be given back");
            }
        }
        self.release_when_free(number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_name_their_purpose() {
        for purpose in [
            Purpose::Receive(0, Channel::Rtp),
            Purpose::Receive(u32::MAX, Channel::Rtcp),
            Purpose::Send(511),
            Purpose::Wake,
            Purpose::Cancel,
        ] {
            assert_eq!(Purpose::of(purpose.token()), purpose);
        }
    }
}

//! Bounded queues between threads whose memory follows what waits in them. `std`'s bounded channel lays out all its room at once: the
//! store's alone would be a sixth of an idle node.
//!
//! Invariant: [`Sender::try_send`] never waits and never takes the queue past its room.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SendError, TryRecvError, TrySendError};
use std::time::Duration;

/// A queue with room for `room` things.
pub(super) fn bounded<T>(room: usize) -> (Sender<T>, Receiver<T>) {
    let (queue, taken) = mpsc::channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    (Sender { queue, waiting: Arc::clone(&waiting), room }, Receiver { queue: taken, waiting })
}

/// The end that things are put into.
#[derive(Debug)]
pub(super) struct Sender<T> {
    queue: mpsc::Sender<T>,
    waiting: Arc<AtomicUsize>,
    room: usize,
}

impl<T> Sender<T> {
    /// Puts `thing` in, if there is room.
    ///
    /// # Errors
    /// The queue is full, or nobody takes from it any more; `thing` comes back.
    pub(super) fn try_send(&self, thing: T) -> Result<(), TrySendError<T>> {
        let more = |waiting| (waiting < self.room).then_some(waiting + 1);
        if self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_err() {
            return Err(TrySendError::Full(thing));
        }
        self.queue.send(thing).map_err(|SendError(thing)| TrySendError::Disconnected(thing))
    }

    /// Puts `thing` in even when there is no room: for what there is one of, such as a wish to stop.
    ///
    /// # Errors
    /// Nobody takes from the queue any more; `thing` comes back.
    pub(super) fn push(&self, thing: T) -> Result<(), SendError<T>> {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        self.queue.send(thing)
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Sender { queue: self.queue.clone(), waiting: Arc::clone(&self.waiting), room: self.room }
    }
}

/// The end that things are taken from.
#[derive(Debug)]
pub(super) struct Receiver<T> {
    queue: mpsc::Receiver<T>,
    waiting: Arc<AtomicUsize>,
}

impl<T> Receiver<T> {
    /// Waits for the next thing; `None` when every sender is gone.
    pub(super) fn recv(&self) -> Option<T> {
        let thing = self.queue.recv().ok();
        self.taken(thing.is_some());
        thing
    }

    /// Waits for the next thing, but not longer than `limit`.
    ///
    /// # Errors
    /// Nothing came, or every sender is gone.
    pub(super) fn recv_timeout(&self, limit: Duration) -> Result<T, RecvTimeoutError> {
        let thing = self.queue.recv_timeout(limit);
        self.taken(thing.is_ok());
        thing
    }

    /// The next thing, if one waits.
    ///
    /// # Errors
    /// Nothing waits, or every sender is gone.
    pub(super) fn try_recv(&self) -> Result<T, TryRecvError> {
        let thing = self.queue.try_recv();
        self.taken(thing.is_ok());
        thing
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Acquire) == 0
    }

    fn taken(&self, any: bool) {
        if any {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_full_at_its_room_and_has_room_again_when_something_is_taken() {
        let (sender, receiver) = bounded(2);
        assert_eq!([sender.try_send(1), sender.try_send(2)], [Ok(()), Ok(())]);
        assert_eq!(sender.clone().try_send(3), Err(TrySendError::Full(3)));
        sender.push(4).expect("somebody takes");
        assert_eq!(receiver.try_recv(), Ok(1));
        assert_eq!(sender.try_send(5), Err(TrySendError::Full(5)), "two still wait");
        assert_eq!(receiver.recv(), Some(2));
        assert_eq!(sender.try_send(6), Ok(()));
        assert_eq!([receiver.recv(), receiver.recv_timeout(Duration::ZERO).ok()], [Some(4), Some(6)]);
        assert_eq!(receiver.try_recv(), Err(TryRecvError::Empty));
        assert_eq!(receiver.recv_timeout(Duration::ZERO), Err(RecvTimeoutError::Timeout));
    }

    #[test]
    fn many_threads_never_take_it_past_its_room() {
        let (sender, receiver) = bounded(8);
        let done = std::thread::scope(|scope| {
            let put =
                |sender: Sender<u32>| move || (0..10_000).filter(|n| sender.try_send(*n).is_ok()).count();
            let senders = [scope.spawn(put(sender.clone())), scope.spawn(put(sender))];
            let mut taken = 0;
            while receiver.recv().is_some() {
                taken += 1;
                assert!(receiver.waiting.load(Ordering::Acquire) <= 8);
            }
            let sent: usize = senders.into_iter().map(|thread| thread.join().expect("ended")).sum();
            (sent, taken)
        });
        assert_eq!(done.0, done.1);
        assert!(done.0 > 0);
    }

    #[test]
    fn each_end_learns_that_the_other_is_gone() {
        let (sender, receiver) = bounded::<u8>(1);
        drop(sender);
        assert_eq!(receiver.recv(), None);
        let (sender, receiver) = bounded(1);
        drop(receiver);
        assert_eq!(sender.try_send(1), Err(TrySendError::Disconnected(1)));
        assert!(sender.push(2).is_err());
    }
}

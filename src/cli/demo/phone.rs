//! A phone that needs nobody: a line and a voice on a thread of their own, told what to do, telling what happens.

use std::io;
use std::net::SocketAddr;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::heard::Heard;
use super::line::{Account, Line, Told};
use super::voice::Voice;
use crate::base::Random;

/// How often a phone looks after its sockets: well within the 20 ms of a packet.
const TURN: Duration = Duration::from_millis(4);

/// What a phone is told to do.
#[derive(Debug)]
enum Order {
    Register(u32),
    Dial(String),
    Press(char),
    HangUp,
    Quit,
}

/// A running phone.
pub struct Phone {
    orders: Sender<Order>,
    told: Receiver<Told>,
    heard: Arc<Mutex<Heard>>,
    thread: Option<JoinHandle<u64>>,
}

impl Phone {
    /// Starts a phone of the switch at `server` that sings a tone of `hz` when it talks.
    ///
    /// # Errors
    /// The system's.
    pub fn start(account: Account, server: SocketAddr, hz: f64, mut random: Random) -> io::Result<Phone> {
        let voice = Voice::new(server.ip(), hz, &mut random)?;
        let name = account.name.clone();
        let line = Line::new(account, server, voice.local()?, random)?;
        let (orders, taken) = mpsc::channel();
        let (telling, told) = mpsc::channel();
        let heard = voice.heard();
        let thread =
            std::thread::Builder::new().name(name).spawn(move || live(line, voice, &taken, &telling))?;
        Ok(Phone { orders, told, heard, thread: Some(thread) })
    }

    /// Registers for so many seconds; 0 takes the binding back.
    pub fn register(&self, seconds: u32) {
        self.order(Order::Register(seconds));
    }

    /// Calls.
    pub fn dial(&self, number: &str) {
        self.order(Order::Dial(number.to_string()));
    }

    /// Presses a key in the call.
    pub fn press(&self, key: char) {
        self.order(Order::Press(key));
    }

    /// Ends the call.
    pub fn hang_up(&self) {
        self.order(Order::HangUp);
    }

    /// What was heard so far.
    pub fn heard(&self) -> std::sync::MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Waits until the phone tells `what` it should.
    ///
    /// # Errors
    /// What it told instead, or that it told nothing in time.
    pub fn wait(&self, limit: Duration, what: impl Fn(&Told) -> bool) -> Result<Told, String> {
        let give_up = Instant::now() + limit;
        loop {
            match self.told.recv_timeout(give_up.saturating_duration_since(Instant::now())) {
                Ok(told) if what(&told) => return Ok(told),
                Ok(Told::Failed(why)) => return Err(why),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("nothing within {} s", limit.as_secs()));
                }
                Err(RecvTimeoutError::Disconnected) => return Err("the phone stopped".to_string()),
            }
        }
    }

    /// Ends the phone; returns how many packets it sent.
    pub fn quit(mut self) -> u64 {
        self.order(Order::Quit);
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or(0)
    }

    fn order(&self, order: Order) {
        // A phone that has stopped is noticed by whoever waits for it.
        let _ = self.orders.send(order);
    }
}

fn live(mut line: Line, mut voice: Voice, orders: &Receiver<Order>, telling: &Sender<Told>) -> u64 {
    loop {
        match orders.recv_timeout(TURN) {
            Ok(Order::Register(seconds)) => line.register(seconds),
            Ok(Order::Dial(number)) => line.dial(&number),
            Ok(Order::Press(key)) => voice.press(key),
            Ok(Order::HangUp) => {
                voice.agree(None);
                line.hang_up();
            }
            Ok(Order::Quit) | Err(RecvTimeoutError::Disconnected) => return voice.sent,
            Err(RecvTimeoutError::Timeout) => {}
        }
        for told in line.turn() {
            match &told {
                Told::Talking(agreed) => voice.agree(Some(*agreed)),
                Told::Ended => voice.agree(None),
                _ => {}
            }
            let _ = telling.send(told);
        }
        voice.turn();
    }
}

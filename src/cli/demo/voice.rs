//! A phone's mouth and ear: a tone and keys out, packets in.

use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::heard::Heard;
use crate::base::Random;
use crate::rtp::telephone_event::{self, Press};
use crate::rtp::{Packet, g711};

/// Milliseconds of sound in one packet.
const PACKET: Duration = Duration::from_millis(20);

/// Samples of sound in one packet.
const SAMPLES: u32 = 160;

/// Largest value of the tone that a phone sings.
const LOUDNESS: f64 = 8_000.0;

/// What the two phones agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreed {
    /// Where our packets go.
    pub to: SocketAddr,
    /// 0 or 8.
    pub law: u8,
    /// The payload type of telephone events, if they may be sent.
    pub keys: Option<u8>,
}

/// One RTP stream each way.
pub struct Voice {
    socket: UdpSocket,
    hz: f64,
    began: Instant,
    agreed: Option<Agreed>,
    next: Instant,
    seq: u16,
    timestamp: u32,
    ssrc: u32,
    sung: u64,
    keys: VecDeque<char>,
    press: Option<(Press, u32)>,
    heard: Arc<Mutex<Heard>>,
    /// Packets sent.
    pub sent: u64,
}

impl Voice {
    /// A silent voice with a socket at `ip`, that will sing a tone of `hz`.
    ///
    /// # Errors
    /// The system's.
    pub fn new(ip: IpAddr, hz: f64, random: &mut Random) -> io::Result<Voice> {
        let socket = UdpSocket::bind((ip, 0))?;
        socket.set_nonblocking(true)?;
        let now = Instant::now();
        Ok(Voice {
            socket,
            hz,
            began: now,
            agreed: None,
            next: now,
            seq: random.next_u32() as u16,
            timestamp: random.next_u32(),
            ssrc: random.next_u32(),
            sung: 0,
            keys: VecDeque::new(),
            press: None,
            heard: Arc::default(),
            sent: 0,
        })
    }

    /// Where packets are to be sent to us.
    ///
    /// # Errors
    /// The system's.
    pub fn local(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// What came so far; fills as long as the voice lives.
    pub fn heard(&self) -> Arc<Mutex<Heard>> {
        Arc::clone(&self.heard)
    }

    /// Sings from now on, or keeps quiet.
    pub fn agree(&mut self, agreed: Option<Agreed>) {
        if self.agreed.is_none() {
            self.next = Instant::now();
        }
        self.agreed = agreed;
    }

    /// Presses a key as soon as those before it are done.
    pub fn press(&mut self, key: char) {
        self.keys.push_back(key);
    }

    /// Takes what came and sends what is due. To be called every few milliseconds.
    pub fn turn(&mut self) {
        self.listen();
        let now = Instant::now();
        while let Some(agreed) = self.agreed.filter(|_| self.next <= now) {
            self.sing(agreed);
            self.next += PACKET;
            self.timestamp = self.timestamp.wrapping_add(SAMPLES);
        }
    }

    fn listen(&mut self) {
        let mut buffer = [0; 2_048];
        while let Ok(len) = self.socket.recv(&mut buffer) {
            let datagram = buffer.get(..len).unwrap_or(&[]);
            let Ok(packet) = Packet::read(datagram) else { continue };
            let arrival_us = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
            let payload = datagram.get(packet.payload.clone()).unwrap_or(&[]);
            self.heard.lock().unwrap_or_else(PoisonError::into_inner).take(&packet, payload, arrival_us);
        }
    }

    /// One packet: of the key that is being pressed, else of the tone.
    fn sing(&mut self, agreed: Agreed) {
        if self.press.is_none()
            && agreed.keys.is_some()
            && let Some(code) = self.keys.pop_front().and_then(telephone_event::code)
        {
            self.press = Some((Press::new(code), self.timestamp));
        }
        if let (Some((press, began)), Some(pt)) = (&mut self.press, agreed.keys) {
            let began = *began;
            match press.step(8_000) {
                Some(Some((marker, event))) => return self.send(agreed, marker, pt, began, &event.write()),
                Some(None) => {}
                None => self.press = None,
            }
        }
        let tone: Vec<u8> = (0..SAMPLES).map(|_| self.sample(agreed.law)).collect();
        self.send(agreed, self.sent == 0, agreed.law, self.timestamp, &tone);
    }

    fn sample(&mut self, law: u8) -> u8 {
        let angle = std::f64::consts::TAU * self.hz * self.sung as f64 / 8_000.0;
        self.sung += 1;
        let sample = (LOUDNESS * angle.sin()) as i16;
        if law == 0 { g711::encode_mu_law(sample) } else { g711::encode_a_law(sample) }
    }

    fn send(&mut self, agreed: Agreed, marker: bool, pt: u8, timestamp: u32, payload: &[u8]) {
        let packet = Packet { marker, pt, seq: self.seq, timestamp, ssrc: self.ssrc, payload: 0..0 };
        let datagram = [&packet.header()[..], payload].concat();
        if self.socket.send_to(&datagram, agreed.to).is_ok() {
            self.sent += 1;
        }
        self.seq = self.seq.wrapping_add(1);
    }
}

//! The phones' own session descriptions: text with holes, and a few lines that read the answer.

use std::net::{IpAddr, SocketAddr};

/// From the point of view of whoever says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    pub fn sends(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::SendOnly)
    }

    pub fn receives(self) -> bool {
        matches!(self, Direction::SendRecv | Direction::RecvOnly)
    }

    fn of(sends: bool, receives: bool) -> Direction {
        match (sends, receives) {
            (true, true) => Direction::SendRecv,
            (true, false) => Direction::SendOnly,
            (false, true) => Direction::RecvOnly,
            (false, false) => Direction::Inactive,
        }
    }

    /// What to answer to an offer of this direction when one wants `wish` oneself.
    pub fn answered_with(self, wish: Direction) -> Direction {
        Direction::of(wish.sends() && self.receives(), wish.receives() && self.sends())
    }

    pub fn word(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }
}

/// What a phone does about SRTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Encryption {
    /// Knows nothing of it: keys are not looked at, another profile is refused.
    #[default]
    Never,
    /// Puts a key into its offers and takes one where there is one.
    Offers,
    /// RTP/SAVP or nothing, both ways.
    Insists,
}

/// The three ways in which phones put a call on hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notation {
    SendOnly,
    Inactive,
    /// RFC 2543: `c=IN IP4 0.0.0.0`.
    Zero,
}

/// One end of one session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Where this end receives.
    pub here: SocketAddr,
    pub wish: Direction,
    /// Whether this end writes 0.0.0.0 in its connection line.
    pub zero: bool,
    /// Whether this end offers video too.
    pub video: bool,
    pub encryption: Encryption,
    id: u64,
    version: u64,
    /// The codecs that this end knows, as payload types in its order.
    pub codecs: Vec<u8>,
    /// What the other end said last.
    pub there: Option<There>,
}

/// What the other end said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct There {
    pub rtp: SocketAddr,
    pub direction: Direction,
    pub codecs: Vec<u8>,
    /// `RTP/AVP`
    pub profile: String,
    /// The tag and the key of its first line in the oldest suite.
    pub key: Option<(String, String)>,
}

impl Session {
    pub fn new(here: SocketAddr, id: u64, codecs: &[u8]) -> Session {
        let codecs = codecs.to_vec();
        Session {
            here,
            wish: Direction::SendRecv,
            zero: false,
            video: false,
            encryption: Encryption::default(),
            id,
            version: 0,
            codecs,
            there: None,
        }
    }

    /// An offer of everything that this end knows.
    pub fn offer(&mut self) -> String {
        let codecs = self.codecs.clone();
        let video = if self.video { "m=video 5004 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\n" } else { "" };
        let secured = match self.encryption {
            Encryption::Never => ("RTP/AVP", None),
            Encryption::Offers => ("RTP/AVP", Some("1")),
            Encryption::Insists => ("RTP/SAVP", Some("1")),
        };
        self.describe(self.wish, &codecs, secured) + video
    }

    /// Whether this end can answer an offer, as far as encryption goes.
    pub fn takes(&self, offer: &There) -> bool {
        let (clear, keyed) = (offer.profile == "RTP/AVP", offer.key.is_some());
        match self.encryption {
            Encryption::Never => clear,
            Encryption::Offers => clear || keyed,
            Encryption::Insists => !clear && keyed,
        }
    }

    /// The key under which this end sends.
    pub fn key(&self) -> String {
        format!("{:040x}", self.id)
    }

    /// An offer of one codec that nobody understands.
    pub fn offer_unusable(&mut self) -> String {
        self.describe(self.wish, &[99], ("RTP/AVP", None))
    }

    /// Goes back to what it was before an offer that was refused. Versions only go forward.
    pub fn restore(&mut self, before: Session) {
        *self = Session { version: self.version, ..before };
    }

    /// An answer to what the other end offered: one codec of theirs that this end knows, and telephone events.
    pub fn answer(&mut self, offer: &There) -> String {
        let known: Vec<u8> = offer.codecs.iter().copied().filter(|pt| self.codecs.contains(pt)).collect();
        let voice = known.iter().copied().find(|pt| *pt < 96);
        let mut chosen: Vec<u8> =
            voice.into_iter().chain(known.iter().copied().filter(|pt| *pt >= 96 || *pt == 13)).collect();
        if voice.is_none() {
            chosen = self.codecs.clone();
        }
        let direction = offer.direction.answered_with(self.wish);
        self.there = Some(offer.clone());
        let tag =
            offer.key.as_ref().filter(|_| self.encryption != Encryption::Never).map(|(tag, _)| tag.as_str());
        self.describe(direction, &chosen, (&offer.profile, tag))
    }

    /// Whether this end sends: both ends agree to it.
    pub fn sends(&self) -> bool {
        self.wish.sends() && self.there.as_ref().is_some_and(|there| there.direction.receives())
    }

    /// Whether this end hears: both ends agree to it.
    pub fn receives(&self) -> bool {
        self.wish.receives() && !self.zero && self.there.as_ref().is_some_and(|there| there.direction.sends())
    }

    pub fn has_said_nothing(&self) -> bool {
        self.version == 0
    }

    fn describe(
        &mut self,
        direction: Direction,
        codecs: &[u8],
        (profile, tag): (&str, Option<&str>),
    ) -> String {
        self.version += 1;
        let ip = if self.zero { "0.0.0.0".to_string() } else { self.here.ip().to_string() };
        let family = if self.here.is_ipv4() { "IP4" } else { "IP6" };
        let list: String = codecs.iter().map(|pt| format!(" {pt}")).collect();
        let maps: String = codecs.iter().map(|pt| format!("a=rtpmap:{pt} {}\r\n", name_of(*pt))).collect();
        let key = self.key();
        let key = tag.map(|tag| format!("a=crypto:{tag} AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n"));
        let key = key.unwrap_or_default();
        format!(
            "v=0\r\no=phone {} {} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
             m=audio {} {profile}{list}\r\n{maps}{key}a={}\r\n",
            self.id,
            self.version,
            self.here.port(),
            direction.word(),
        )
    }
}

impl There {
    /// Reads the first audio line of a description.
    pub fn read(body: &str) -> Option<There> {
        let audio = body.find("\nm=audio ")? + 1;
        let (session, media) = body.split_at(audio);
        let media = media.split("\nm=").next().unwrap_or(media);
        let mut words = media.lines().next()?.split(' ').skip(1);
        let port: u16 = words.next()?.parse().ok()?;
        let profile = words.next()?.to_string();
        let key = media.lines().find_map(|line| {
            let (tag, rest) = line.strip_prefix("a=crypto:")?.split_once(' ')?;
            let key = rest.strip_prefix("AES_CM_128_HMAC_SHA1_80 inline:")?;
            Some((tag.to_string(), key.trim().to_string()))
        });
        let codecs = words.filter_map(|pt| pt.trim().parse().ok()).collect();
        let line = |part: &str| {
            part.lines().find_map(|line| line.strip_prefix("c=IN IP")?.get(2..)?.trim().parse().ok())
        };
        let ip: IpAddr = line(media).or_else(|| line(session))?;
        let direction = [Direction::SendOnly, Direction::RecvOnly, Direction::Inactive]
            .into_iter()
            .find(|d| body.contains(&format!("a={}", d.word())))
            .unwrap_or(Direction::SendRecv);
        (port != 0).then_some(There { rtp: SocketAddr::new(ip, port), direction, codecs, profile, key })
    }
}

fn name_of(pt: u8) -> &'static str {
    match pt {
        0 => "PCMU/8000",
        8 => "PCMA/8000",
        9 => "G722/8000",
        13 => "CN/8000",
        18 => "G729/8000",
        99 => "AMR/8000",
        101 => "telephone-event/8000",
        _ => "opus/48000/2",
    }
}

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

/// A line of a description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    Sound,
    Video,
    Fax,
    /// Of something that this end does not know.
    Strange,
}

/// How an end faxes at the moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Faxing {
    #[default]
    Not,
    /// Fax stands in the place of the sound, which has no line any more.
    InPlace,
    /// Fax has a line of its own; the sound's has port 0.
    Beside,
}

/// One end of one session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Where this end receives.
    pub here: SocketAddr,
    pub wish: Direction,
    /// Whether this end writes 0.0.0.0 in its connection line.
    pub zero: bool,
    /// Whether this end offers video too, and takes it.
    pub video: bool,
    /// Whether it is a fax machine.
    pub faxes: bool,
    pub faxing: Faxing,
    /// The lines of the dialog, in their order.
    lines: Vec<Line>,
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
    /// Its lines, in their order.
    pub lines: Vec<Line>,
    /// Where it receives video and fax, if it does.
    pub video: Option<SocketAddr>,
    pub fax: Option<SocketAddr>,
    /// Whether it gives the sound up for fax: what else is said of sound is none of this description.
    pub silent: bool,
}

impl Session {
    pub fn new(here: SocketAddr, id: u64, codecs: &[u8]) -> Session {
        let codecs = codecs.to_vec();
        Session {
            here,
            wish: Direction::SendRecv,
            zero: false,
            video: false,
            faxes: false,
            faxing: Faxing::Not,
            lines: vec![Line::Sound],
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
        for (wanted, line) in [(self.video, Line::Video), (self.faxing == Faxing::Beside, Line::Fax)] {
            if wanted && !self.lines.contains(&line) {
                self.lines.push(line);
            }
        }
        let secured = match self.encryption {
            Encryption::Never => ("RTP/AVP", None),
            Encryption::Offers => ("RTP/AVP", Some("1")),
            Encryption::Insists => ("RTP/SAVP", Some("1")),
        };
        let (head, sound) = self.describe(self.wish, &codecs, secured);
        let lines = self.lines.iter().map(|line| match (line, self.faxing) {
            (Line::Sound, Faxing::InPlace) => self.fax_line(true),
            (Line::Sound, Faxing::Beside) => "m=audio 0 RTP/AVP 8\r\n".into(),
            (Line::Sound, Faxing::Not) => sound.clone(),
            (Line::Video, _) => self.video_line(self.video && self.faxing == Faxing::Not),
            (Line::Fax, faxing) => self.fax_line(faxing == Faxing::Beside),
            (Line::Strange, _) => "m=application 0 UDP/BFCP *\r\n".into(),
        });
        head + &lines.collect::<String>()
    }

    /// Where this end receives video.
    pub fn video_at(&self) -> SocketAddr {
        SocketAddr::new(self.here.ip(), self.here.port() + 200)
    }

    /// Where it receives fax.
    pub fn fax_at(&self) -> SocketAddr {
        SocketAddr::new(self.here.ip(), self.here.port() + 400)
    }

    fn video_line(&self, on: bool) -> String {
        let port = if on { self.video_at().port() } else { 0 };
        let more = "b=AS:9999\r\na=rtpmap:97 H264/90000\r\na=fmtp:97 profile-level-id=42e01f\r\na=rtcp-fb:97 nack pli\r\n";
        format!("m=video {port} RTP/AVP 97\r\n{}", if on { more } else { "" })
    }

    fn fax_line(&self, on: bool) -> String {
        let port = if on { self.fax_at().port() } else { 0 };
        let more = "a=T38FaxVersion:0\r\na=T38MaxBitRate:14400\r\n";
        format!("m=image {port} udptl t38\r\n{}", if on { more } else { "" })
    }

    /// Whether this end can answer an offer, as far as encryption goes.
    pub fn takes(&self, offer: &There) -> bool {
        if offer.silent {
            return self.faxes;
        }
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
        let (head, sound) = self.describe(self.wish, &[99], ("RTP/AVP", None));
        head + &sound
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
        self.hear(offer.clone());
        self.lines = offer.lines.clone();
        self.faxing = match (offer.silent, offer.lines.contains(&Line::Fax)) {
            (true, true) => Faxing::Beside,
            (true, false) => Faxing::InPlace,
            (false, _) => Faxing::Not,
        };
        let tag =
            offer.key.as_ref().filter(|_| self.encryption != Encryption::Never).map(|(tag, _)| tag.as_str());
        let profile = offer.profile.clone();
        let (head, sound) = self.describe(direction, &chosen, (&profile, tag));
        let lines = self.lines.iter().map(|line| match (line, self.faxing) {
            (Line::Sound, Faxing::InPlace) => self.fax_line(true),
            (Line::Sound, Faxing::Beside) => "m=audio 0 RTP/AVP 8\r\n".into(),
            (Line::Sound, Faxing::Not) => sound.clone(),
            (Line::Video, _) => self.video_line(self.video && offer.video.is_some()),
            (Line::Fax, _) => self.fax_line(self.faxes && offer.fax.is_some()),
            (Line::Strange, _) => "m=application 0 UDP/BFCP *\r\n".into(),
        });
        head + &lines.collect::<String>()
    }

    /// Takes what the other end says. What was said of sound holds again after a fax.
    pub fn hear(&mut self, there: There) {
        self.there = Some(match self.there.take() {
            Some(before) if there.silent => {
                There { silent: true, video: there.video, fax: there.fax, ..before }
            }
            _ => there,
        });
    }

    /// Whether this end sends: both ends agree to it.
    pub fn sends(&self) -> bool {
        self.faxing == Faxing::Not
            && self.wish.sends()
            && self.there.as_ref().is_some_and(|there| there.direction.receives())
    }

    /// Whether this end hears: both ends agree to it.
    pub fn receives(&self) -> bool {
        self.faxing == Faxing::Not
            && self.wish.receives()
            && !self.zero
            && self.there.as_ref().is_some_and(|there| there.direction.sends())
    }

    pub fn has_said_nothing(&self) -> bool {
        self.version == 0
    }

    fn describe(
        &mut self,
        direction: Direction,
        codecs: &[u8],
        (profile, tag): (&str, Option<&str>),
    ) -> (String, String) {
        self.version += 1;
        let ip = if self.zero { "0.0.0.0".to_string() } else { self.here.ip().to_string() };
        let family = if self.here.is_ipv4() { "IP4" } else { "IP6" };
        let list: String = codecs.iter().map(|pt| format!(" {pt}")).collect();
        let maps: String = codecs.iter().map(|pt| format!("a=rtpmap:{pt} {}\r\n", name_of(*pt))).collect();
        let key = self.key();
        let key = tag.map(|tag| format!("a=crypto:{tag} AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n"));
        let key = key.unwrap_or_default();
        let head = format!(
            "v=0\r\no=phone {} {} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n",
            self.id, self.version,
        );
        let (port, direction) = (self.here.port(), direction.word());
        (head, format!("m=audio {port} {profile}{list}\r\n{maps}{key}a={direction}\r\n"))
    }
}

impl There {
    /// Reads the first audio line of a description.
    pub fn read(body: &str) -> Option<There> {
        let (lines, video, fax) = There::lines(body);
        let heard = There::sound(body);
        let silent = heard.is_none() && fax.is_some();
        let nothing = || There {
            rtp: SocketAddr::from(([0, 0, 0, 0], 0)),
            direction: Direction::Inactive,
            codecs: Vec::new(),
            profile: "RTP/AVP".into(),
            key: None,
            lines: Vec::new(),
            video: None,
            fax: None,
            silent: true,
        };
        let there = heard.or_else(|| silent.then(nothing))?;
        Some(There { lines, video, fax, silent, ..there })
    }

    fn lines(body: &str) -> (Vec<Line>, Option<SocketAddr>, Option<SocketAddr>) {
        let ip: Option<IpAddr> =
            body.lines().find_map(|line| line.strip_prefix("c=IN IP")?.get(2..)?.trim().parse().ok());
        let (mut lines, mut video, mut fax) = (Vec::new(), None, None);
        let heads = || body.lines().filter_map(|line| line.strip_prefix("m="));
        let sound = heads().any(|head| head.starts_with("audio "));
        for head in heads() {
            let port: Option<u16> = head.split(' ').nth(1).and_then(|port| port.parse().ok());
            let at = ip.zip(port.filter(|port| *port != 0)).map(|(ip, port)| SocketAddr::new(ip, port));
            lines.push(match head.split(' ').next() {
                Some("audio") => Line::Sound,
                Some("video") => {
                    video = video.or(at);
                    Line::Video
                }
                Some("image") => {
                    fax = fax.or(at);
                    // Without a line of sound it has the sound's.
                    if sound { Line::Fax } else { Line::Sound }
                }
                _ => Line::Strange,
            });
        }
        (lines, video, fax)
    }

    fn sound(body: &str) -> Option<There> {
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
        let (rtp, lines, silent) = (SocketAddr::new(ip, port), Vec::new(), false);
        let there = There { rtp, direction, codecs, profile, key, lines, video: None, fax: None, silent };
        (port != 0).then_some(there)
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

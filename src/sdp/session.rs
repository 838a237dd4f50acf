//! The session level: origin, connection, time, attributes; and what a media section inherits from it.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};

use super::attribute::{Attribute, Direction};
use super::media::Media;

/// One session description. `Debug` shows what its media are, not their attributes: these may hold keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Session {
    /// `o=`.
    pub origin: Origin,
    /// `s=`; `-` when there is nothing to say.
    pub name: String,
    /// `c=` of the session; a media section may have its own.
    pub connection: Option<Connection>,
    /// Lines `i= u= e= p= b= t= r= z= k=` in their order, as letter and text. Without any `t=`, `t=0 0` is written.
    pub lines: Vec<(char, String)>,
    /// Session-level attributes in their order.
    pub attributes: Vec<Attribute>,
    /// The media sections in their order. An answer has as many as its offer.
    pub media: Vec<Media>,
}

/// `o=username id version IN IP4|IP6 address` (RFC 8866 §5.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// `-` when there is none.
    pub username: String,
    /// Session id as written (a number, sometimes longer than 64 bits).
    pub id: String,
    /// Version as written; it rises by one with every change.
    pub version: String,
    /// Where the session was made.
    pub address: Address,
}

/// An address as `o=`, `c=` and `a=rtcp` write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// An address.
    Ip(IpAddr),
    /// A name, or whatever else stood there.
    Name(String),
}

/// `c=IN IP4|IP6 address[/ttl]` (RFC 8866 §5.7).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The address; `0.0.0.0` (hold in RFC 2543's way) is kept as it is.
    pub address: Address,
    /// What stood behind a slash (multicast), as written.
    pub suffix: Option<String>,
}

/// What an offer of four codecs takes.
const USUAL_BYTES: usize = 640;

impl Session {
    /// A description with no media: `s=-`, `t=0 0`, the connection at `address`.
    pub fn new(address: IpAddr, id: u64, version: u64) -> Session {
        Session {
            origin: Origin {
                username: "-".into(),
                id: id.to_string(),
                version: version.to_string(),
                address: Address::Ip(address),
            },
            name: "-".into(),
            connection: Some(Connection::new(address)),
            lines: vec![('t', "0 0".into())],
            attributes: Vec::new(),
            media: Vec::new(),
        }
    }

    /// Reads a body. Line ends may be CRLF or LF; text that is not UTF-8 is replaced; missing `o=`, `s=` or `t=` are forgiven.
    ///
    /// # Errors
    /// [`super::NotSdp`]: no `v=0` in front, a broken `m=`, `c=` or `o=` line, or more lines, media or formats than the bounds.
    pub fn parse(body: &[u8]) -> Result<Session, super::NotSdp> {
        super::parse::session(body)
    }

    /// The description with CRLF line ends, lines in RFC 8866's order, attributes in their own.
    pub fn to_bytes(&self) -> bytes::Bytes {
        let mut text = String::with_capacity(USUAL_BYTES);
        let _ = write!(text, "{self}");
        // It is kept as long as the call.
        text.shrink_to_fit();
        text.into()
    }

    /// The connection that holds for `media`: its own, else the session's.
    pub fn connection_of<'a>(&'a self, media: &'a Media) -> Option<&'a Connection> {
        media.connection.as_ref().or(self.connection.as_ref())
    }

    /// The direction that holds for `media`: its own, else the session's, else both ways. The address does not count here.
    pub fn direction_of(&self, media: &Media) -> Direction {
        media
            .direction()
            .or_else(|| self.attributes.iter().find_map(|a| Direction::of(&a.name)))
            .unwrap_or_default()
    }

    /// Whether `media` is held in one of the three notations: `sendonly`, `inactive`, or the unspecified address.
    pub fn is_held(&self, media: &Media) -> bool {
        !self.direction_of(media).receives()
            || self.connection_of(media).and_then(|c| c.address.ip()).is_some_and(|ip| ip.is_unspecified())
    }

    /// Where `media` wants its RTP; `None` without an IP address or with port 0.
    pub fn rtp_of(&self, media: &Media) -> Option<SocketAddr> {
        let ip = self.connection_of(media)?.address.ip()?;
        (media.port != 0).then(|| SocketAddr::new(ip, media.port))
    }

    /// Where `media` wants its RTCP: `a=rtcp` (RFC 3605), the RTP port under `a=rtcp-mux` (RFC 5761), else the port above it.
    pub fn rtcp_of(&self, media: &Media) -> Option<SocketAddr> {
        let rtp = self.rtp_of(media)?;
        if media.has("rtcp-mux") {
            return Some(rtp);
        }
        match media.rtcp() {
            Some((port, address)) => Some(SocketAddr::new(address.unwrap_or(rtp.ip()), port)),
            None => Some(SocketAddr::new(rtp.ip(), rtp.port().checked_add(1)?)),
        }
    }

    /// The first media section of audio that is not refused (port 0), and its index.
    pub fn audio(&self) -> Option<(usize, &Media)> {
        self.media.iter().enumerate().find(|(_, m)| m.kind == super::Kind::Audio && m.port != 0)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.media).finish()
    }
}

impl Connection {
    /// A unicast connection.
    pub const fn new(address: IpAddr) -> Connection {
        Connection { address: Address::Ip(address), suffix: None }
    }
}

impl Address {
    /// The address, if it is one.
    pub const fn ip(&self) -> Option<IpAddr> {
        match self {
            Address::Ip(ip) => Some(*ip),
            Address::Name(_) => None,
        }
    }

    /// Reads an address or a name.
    pub(super) fn read(text: &str) -> Address {
        text.parse().map_or_else(|_| Address::Name(text.to_string()), Address::Ip)
    }
}

impl fmt::Display for Address {
    /// With its network and address type: `IN IP4 192.0.2.1`. A name is written as IP4.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Ip(IpAddr::V6(ip)) => write!(f, "IN IP6 {ip}"),
            Address::Ip(ip) => write!(f, "IN IP4 {ip}"),
            Address::Name(name) => write!(f, "IN IP4 {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdp::Kind;

    fn read(text: &str) -> Session {
        Session::parse(text.replace('\n', "\r\n").as_bytes()).unwrap_or_else(|e| panic!("{text}: {e}"))
    }

    const OFFER: &str = "v=0\no=- 3 4 IN IP6 2001:db8::9\ns=a call\ni=x\nc=IN IP6 2001:db8::9\nb=AS:80\nt=0 0\nk=clear:y\n\
        a=group:BUNDLE 0\na=sendonly\nm=audio 49170/2 RTP/AVP 96 8 101\ni=voice\nc=IN IP4 192.0.2.4/127\nb=TIAS:64000\n\
        a=rtpmap:96 opus/48000/2\na=rtpmap:101 telephone-event/8000\na=fmtp:101 0-16\na=fmtp:96 useinbandfec=1; x=2\n\
        a=x-unknown:a:b=c\na=rtcp:4000 IN IP4 192.0.2.5\na=ptime:20\na=flag\nm=image 0 udptl t38\nm=video 5000 RTP/AVP 31\na=inactive\n";

    #[test]
    fn what_is_read_is_written_in_its_order() {
        assert_eq!(read(OFFER).to_string(), OFFER.replace('\n', "\r\n"));
        assert_eq!(
            Session::parse(OFFER.as_bytes()).unwrap().to_string(),
            OFFER.replace('\n', "\r\n"),
            "LF alone"
        );
    }

    #[test]
    fn media_are_understood() {
        let s = read(OFFER);
        let (index, audio) = s.audio().unwrap();
        assert_eq!(
            (index, audio.port, audio.port_count, audio.protocol.as_str()),
            (0, 49170, Some(2), "RTP/AVP")
        );
        assert_eq!(audio.payload_types().collect::<Vec<_>>(), [96, 8, 101]);
        let opus = audio.rtpmap(96).unwrap();
        assert_eq!((opus.encoding.as_str(), opus.clock, opus.channels), ("opus", 48_000, 2));
        assert_eq!(
            (audio.rtpmap(8), audio.fmtp(96), audio.fmtp(8)),
            (None, Some("useinbandfec=1; x=2"), None)
        );
        assert_eq!(audio.ptime_ms(), Some(20));
        assert_eq!(s.rtp_of(audio), "192.0.2.4:49170".parse().ok());
        assert_eq!(s.rtcp_of(audio), "192.0.2.5:4000".parse().ok());
        assert_eq!((s.direction_of(audio), s.is_held(audio)), (Direction::SendOnly, true));
        let (image, video) = (&s.media[1], &s.media[2]);
        assert_eq!((&image.kind, s.rtp_of(image), image.is_rtp()), (&Kind::Image, None, false));
        assert_eq!(s.rtcp_of(video), "[2001:db8::9]:5001".parse().ok());
        assert_eq!(s.direction_of(video), Direction::Inactive);
        assert_eq!(image.refused().to_owned(), *image);
    }

    #[test]
    fn hold_is_known_in_its_three_notations() {
        let audio = |session: &str, media: &str| {
            read(&format!(
                "v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\n{session}t=0 0\nm=audio 4000 RTP/AVP 0\n{media}"
            ))
        };
        for (session, media, held) in [
            ("c=IN IP4 192.0.2.1\n", "", false),
            ("c=IN IP4 192.0.2.1\n", "a=recvonly\n", false),
            ("c=IN IP4 192.0.2.1\n", "a=sendonly\n", true),
            ("c=IN IP4 192.0.2.1\na=inactive\n", "", true),
            ("c=IN IP4 192.0.2.1\na=inactive\n", "a=sendrecv\n", false),
            ("c=IN IP4 192.0.2.1\n", "c=IN IP4 0.0.0.0\n", true),
            ("c=IN IP6 ::\n", "", true),
        ] {
            let s = audio(session, media);
            assert_eq!(s.is_held(&s.media[0]), held, "{session}{media}");
        }
        assert_eq!(
            audio("", "c=IN IP4 0.0.0.0\n").media[0].connection.as_ref().map(|c| c.address.ip()),
            Some("0.0.0.0".parse().ok())
        );
    }

    #[test]
    fn the_sloppy_are_forgiven_and_the_broken_refused() {
        for good in [
            "v=0\n",
            "v=0\no=1 1 IN IP4 1.2.3.4\n",
            "v=0\nm=audio 1 RTP/AVP\n",
            "v=0\no=a user 1 2 IN IP4 host.example\ns=\nc=IN IP4 host.example\n",
            "v=0\no=- 99999999999999999999999 1 IN IP4 1.2.3.4\n\n",
            "v=0\nx=whatever\nm=weird 9 TCP/MSRP *\nz=y\n",
        ] {
            let s = read(good);
            assert_eq!(read(&s.to_string().replace("\r\n", "\n")).to_string(), s.to_string(), "{good}");
        }
        let crowd = |unit: &str, n: usize| format!("v=0\n{}", unit.repeat(n));
        for bad in [
            "".to_string(),
            "o=- 1 1 IN IP4 a\n".into(),
            "v=1\n".into(),
            "v=0\nnonsense\n".into(),
            "v=0\nm=audio x RTP/AVP 0\n".into(),
            "v=0\nm=audio 70000 RTP/AVP 0\n".into(),
            "v=0\nm=audio\n".into(),
            "v=0\nc=IN IP4\n".into(),
            "v=0\nc=ATM NSAP 47\n".into(),
            "v=0\no=- 1\n".into(),
            crowd("m=audio 1 RTP/AVP 0\n", 17),
            crowd("a=x\n", 2_000),
            format!("v=0\nm=audio 1 RTP/AVP{}\n", " 0".repeat(65)),
        ] {
            assert!(Session::parse(bad.as_bytes()).is_err(), "{bad:.60}");
        }
    }

    #[test]
    fn a_value_writes_no_line_of_its_own() {
        let mut s = Session::new("192.0.2.1".parse().unwrap(), 1, 2);
        s.name = "x\r\nm=audio 1 RTP/AVP 0".into();
        s.attributes.push(Attribute::new("a\nb", "c\r\nd"));
        assert_eq!(
            s.to_string(),
            "v=0\r\no=- 1 2 IN IP4 192.0.2.1\r\ns=xm=audio 1 RTP/AVP 0\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\na=ab:cd\r\n"
        );
    }
}

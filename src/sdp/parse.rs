//! Text to [`Session`], line by line.

use super::NotSdp;
use super::attribute::Attribute;
use super::media::{Kind, Media};
use super::session::{Address, Connection, Origin, Session};
use crate::base::bounds;

/// See [`Session::parse`].
pub(super) fn session(body: &[u8]) -> Result<Session, NotSdp> {
    let text = String::from_utf8_lossy(body);
    let mut lines =
        text.split('\n').map(|l| l.strip_suffix('\r').unwrap_or(l)).filter(|l| !l.trim().is_empty());
    if lines.next().map(str::trim) != Some("v=0") {
        return Err(NotSdp("no v=0 in front"));
    }
    let mut session = empty();
    for (count, line) in lines.enumerate() {
        if count >= bounds::SDP_LINES {
            return Err(NotSdp("too many lines"));
        }
        let mut chars = line.chars();
        let (Some(kind), Some('=')) = (chars.next(), chars.next()) else {
            return Err(NotSdp("a line is not letter=value"));
        };
        read(&mut session, kind, chars.as_str())?;
    }
    Ok(session)
}

fn empty() -> Session {
    let nowhere = Address::read("0.0.0.0");
    let origin = Origin { username: "-".into(), id: "0".into(), version: "0".into(), address: nowhere };
    Session {
        origin,
        name: "-".into(),
        connection: None,
        lines: Vec::new(),
        attributes: Vec::new(),
        media: Vec::new(),
    }
}

fn read(session: &mut Session, kind: char, value: &str) -> Result<(), NotSdp> {
    if kind == 'm' {
        if session.media.len() >= bounds::MEDIA_LINES {
            return Err(NotSdp("too many media sections"));
        }
        // Most have one, and it stays as long as the call.
        session.media.reserve_exact(1);
        session.media.push(media(value)?);
        return Ok(());
    }
    match (kind, session.media.last_mut()) {
        // A media section may have several `c=` only for multicast layers; the first is where to send.
        ('c', Some(media)) => drop(media.connection.get_or_insert(connection(value)?)),
        ('a', Some(media)) => media.attributes.push(Attribute::read(value)),
        (other, Some(media)) => media.lines.push((other, value.to_string())),
        ('o', None) => session.origin = origin(value)?,
        ('s', None) => session.name = if value.is_empty() { " ".into() } else { value.to_string() },
        ('c', None) => session.connection = Some(connection(value)?),
        ('a', None) => session.attributes.push(Attribute::read(value)),
        (other, None) => session.lines.push((other, value.to_string())),
    }
    Ok(())
}

fn origin(value: &str) -> Result<Origin, NotSdp> {
    // A user name with spaces, or none, is against the grammar and met in the wild: fields are counted from the end.
    let fields: Vec<&str> = value.split_ascii_whitespace().collect();
    let Some((name, [id, version, _net, _kind, address])) = fields.split_last_chunk() else {
        return Err(NotSdp("o= line lacks fields"));
    };
    let username = if name.is_empty() { "-".to_string() } else { name.join(" ") };
    Ok(Origin { username, id: id.to_string(), version: version.to_string(), address: Address::read(address) })
}

fn connection(value: &str) -> Result<Connection, NotSdp> {
    let mut fields = value.split_ascii_whitespace();
    let (Some(net), Some(_kind), Some(address)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(NotSdp("c= line lacks fields"));
    };
    if !net.eq_ignore_ascii_case("IN") {
        return Err(NotSdp("c= line is not of the Internet"));
    }
    let (address, suffix) =
        address.split_once('/').map_or((address, None), |(a, s)| (a, Some(s.to_string())));
    Ok(Connection { address: Address::read(address), suffix })
}

fn media(value: &str) -> Result<Media, NotSdp> {
    let mut fields = value.split_ascii_whitespace();
    let (Some(kind), Some(port), Some(protocol)) = (fields.next(), fields.next(), fields.next()) else {
        return Err(NotSdp("m= line lacks fields"));
    };
    let (port, count) = port.split_once('/').map_or((port, None), |(p, n)| (p, Some(n)));
    let mut media =
        Media::new(Kind::read(kind), port.parse().map_err(|_| NotSdp("m= port is not one"))?, protocol);
    media.port_count = count.and_then(|n| n.parse().ok());
    for format in fields {
        if media.formats.len() >= bounds::FORMATS {
            return Err(NotSdp("too many formats"));
        }
        media.formats.push(format.to_string());
    }
    Ok(media)
}

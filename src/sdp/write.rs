//! [`Session`] to text: lines in the order of RFC 8866 §5, CRLF behind each, no line but the intended ones.

use std::fmt::{self, Write};

use super::attribute::Attribute;
use super::media::Media;
use super::session::{Connection, Session};

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let o = &self.origin;
        line(f, 'v', "0")?;
        line(f, 'o', &format!("{} {} {} {}", o.username, o.id, o.version, o.address))?;
        line(f, 's', &self.name)?;
        // i u e p stand before c, b t r z k behind it (RFC 8866 §5).
        let (before, behind): (Vec<_>, Vec<_>) =
            self.lines.iter().partition(|(kind, _)| "iuep".contains(*kind));
        before.iter().try_for_each(|(kind, value)| line(f, *kind, value))?;
        connection(f, self.connection.as_ref())?;
        let mut timed = false;
        for (kind, value) in behind {
            timed |= *kind == 't';
            line(f, *kind, value)?;
        }
        if !timed {
            line(f, 't', "0 0")?;
        }
        attributes(f, &self.attributes)?;
        self.media.iter().try_for_each(|m| media(f, m))
    }
}

fn media(f: &mut fmt::Formatter<'_>, media: &Media) -> fmt::Result {
    let count = media.port_count.map(|n| format!("/{n}")).unwrap_or_default();
    let mut head = format!("{} {}{count} {}", media.kind, media.port, media.protocol);
    for format in &media.formats {
        head.push(' ');
        head.push_str(format);
    }
    line(f, 'm', &head)?;
    let (titles, rest): (Vec<_>, Vec<_>) = media.lines.iter().partition(|(kind, _)| *kind == 'i');
    titles.iter().try_for_each(|(kind, value)| line(f, *kind, value))?;
    connection(f, media.connection.as_ref())?;
    rest.iter().try_for_each(|(kind, value)| line(f, *kind, value))?;
    attributes(f, &media.attributes)
}

fn connection(f: &mut fmt::Formatter<'_>, connection: Option<&Connection>) -> fmt::Result {
    let Some(Connection { address, suffix }) = connection else { return Ok(()) };
    let suffix = suffix.as_ref().map(|s| format!("/{s}")).unwrap_or_default();
    line(f, 'c', &format!("{address}{suffix}"))
}

fn attributes(f: &mut fmt::Formatter<'_>, attributes: &[Attribute]) -> fmt::Result {
    attributes.iter().try_for_each(|a| match &a.value {
        Some(value) => line(f, 'a', &format!("{}:{value}", a.name)),
        None => line(f, 'a', &a.name),
    })
}

fn line(f: &mut fmt::Formatter<'_>, kind: char, value: &str) -> fmt::Result {
    f.write_char(kind)?;
    f.write_char('=')?;
    for part in value.split(['\r', '\n']) {
        f.write_str(part)?;
    }
    f.write_str("\r\n")
}

//! [`Session`] to text: lines in the order of RFC 8866 §5, CRLF behind each, no line but the intended ones.

use std::fmt::{self, Write};

use super::attribute::Attribute;
use super::media::Media;
use super::session::{Connection, Session};

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let o = &self.origin;
        f.write_str("v=0\r\n")?;
        line(f, 'o', |line| write!(line, "{} {} {} {}", o.username, o.id, o.version, o.address))?;
        plain(f, 's', &self.name)?;
        // i u e p stand before c, b t r z k behind it (RFC 8866 §5).
        let stands_before = |(kind, _): &&(char, String)| matches!(kind, 'i' | 'u' | 'e' | 'p');
        self.lines.iter().filter(stands_before).try_for_each(|(kind, value)| plain(f, *kind, value))?;
        connection(f, self.connection.as_ref())?;
        let mut timed = false;
        for (kind, value) in self.lines.iter().filter(|line| !stands_before(line)) {
            timed |= *kind == 't';
            plain(f, *kind, value)?;
        }
        if !timed {
            plain(f, 't', "0 0")?;
        }
        attributes(f, &self.attributes)?;
        self.media.iter().try_for_each(|m| media(f, m))
    }
}

fn media(f: &mut fmt::Formatter<'_>, media: &Media) -> fmt::Result {
    line(f, 'm', |m| {
        write!(m, "{} {}", media.kind, media.port)?;
        if let Some(count) = media.port_count {
            write!(m, "/{count}")?;
        }
        write!(m, " {}", media.protocol)?;
        media.formats.iter().try_for_each(|format| write!(m, " {format}"))
    })?;
    let of_kind = |title: bool| media.lines.iter().filter(move |(kind, _)| (*kind == 'i') == title);
    of_kind(true).try_for_each(|(kind, value)| plain(f, *kind, value))?;
    connection(f, media.connection.as_ref())?;
    of_kind(false).try_for_each(|(kind, value)| plain(f, *kind, value))?;
    attributes(f, &media.attributes)
}

fn connection(f: &mut fmt::Formatter<'_>, connection: Option<&Connection>) -> fmt::Result {
    let Some(Connection { address, suffix }) = connection else { return Ok(()) };
    line(f, 'c', |c| match suffix {
        Some(suffix) => write!(c, "{address}/{suffix}"),
        None => write!(c, "{address}"),
    })
}

fn attributes(f: &mut fmt::Formatter<'_>, attributes: &[Attribute]) -> fmt::Result {
    attributes.iter().try_for_each(|a| {
        line(f, 'a', |line| {
            line.write_str(&a.name)?;
            a.value.iter().try_for_each(|value| {
                line.write_char(':')?;
                line.write_str(value)
            })
        })
    })
}

fn plain(f: &mut fmt::Formatter<'_>, kind: char, value: &str) -> fmt::Result {
    line(f, kind, |line| line.write_str(value))
}

fn line(
    f: &mut fmt::Formatter<'_>,
    kind: char,
    value: impl FnOnce(&mut Line<'_, '_>) -> fmt::Result,
) -> fmt::Result {
    f.write_char(kind)?;
    f.write_char('=')?;
    value(&mut Line(f))?;
    f.write_str("\r\n")
}

/// The inside of a line: CR and LF are left out of whatever is written.
struct Line<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl Write for Line<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        match memchr::memchr2(b'\r', b'\n', text.as_bytes()) {
            None => self.0.write_str(text),
            Some(_) => text.split(['\r', '\n']).try_for_each(|part| self.0.write_str(part)),
        }
    }
}

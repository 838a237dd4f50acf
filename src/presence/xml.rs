//! As much XML as presence needs: a writer that cannot be talked into markup, and a reader that takes nothing dangerous.
//!
//! Invariant: the reader's work and memory grow with the octets that it is given and with nothing else. It knows no DTD (refused by
//! name), no entities beside the five of XML itself and character references, and follows no address.

use std::borrow::Cow;

use crate::base::bounds;

/// Writes one document. Every value is escaped; names are literals of ours.
#[derive(Debug)]
pub(super) struct Writer {
    text: String,
    open: Vec<&'static str>,
    /// Whether the last start tag still takes attributes.
    in_tag: bool,
}

impl Writer {
    /// A document without a root yet.
    pub fn new() -> Writer {
        let text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        Writer { text, open: Vec::new(), in_tag: false }
    }

    /// Begins an element.
    pub fn open(&mut self, name: &'static str) -> &mut Writer {
        self.end_tag();
        self.text.push('<');
        self.text.push_str(name);
        self.open.push(name);
        self.in_tag = true;
        self
    }

    /// An attribute of the element just begun.
    pub fn attr(&mut self, name: &'static str, value: &str) -> &mut Writer {
        if self.in_tag {
            self.text.push(' ');
            self.text.push_str(name);
            self.text.push_str("=\"");
            escape(&mut self.text, value);
            self.text.push('"');
        }
        self
    }

    /// Text within the element.
    pub fn text(&mut self, value: &str) -> &mut Writer {
        self.end_tag();
        escape(&mut self.text, value);
        self
    }

    /// Ends the element begun last.
    pub fn close(&mut self) -> &mut Writer {
        if let Some(name) = self.open.pop() {
            if std::mem::take(&mut self.in_tag) {
                self.text.push_str("/>");
            } else {
                self.text.push_str("</");
                self.text.push_str(name);
                self.text.push('>');
            }
        }
        self
    }

    /// The whole document; what is still open is ended.
    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.close();
        }
        self.text.push('\n');
        self.text
    }

    fn end_tag(&mut self) {
        if std::mem::take(&mut self.in_tag) {
            self.text.push('>');
        }
    }
}

/// Octets that mean markup become references; what XML 1.0 §2.2 allows in no document is left out.
fn escape(out: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\t' | '\n' | '\r' => out.push(' '),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
}

/// Why a document is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It is not well-formed, or uses an entity that it would have to declare.
    #[error("not well-formed XML")]
    Malformed,
    /// It has a document type declaration.
    #[error("a document type declaration is not taken")]
    Dtd,
    /// It is nested deeper or has more elements than any presence document.
    #[error("too large a document")]
    TooLarge,
}

/// What comes next in a document. Names are without their namespace's prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node<'a> {
    /// An element begins (and, if it is empty, ends with the next node).
    Open(&'a str),
    /// The element begun last ends.
    Close(&'a str),
    /// Text that is not only white space.
    Text(Cow<'a, str>),
}

/// Reads a document node by node.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a str,
    open: Vec<&'a str>,
    /// The element that `<name/>` has begun.
    empty: Option<&'a str>,
    elements: usize,
}

impl<'a> Reader<'a> {
    /// A reader of `text`.
    pub fn new(text: &'a str) -> Reader<'a> {
        let rest = text.trim_start_matches('\u{feff}');
        Reader { rest, open: Vec::new(), empty: None, elements: 0 }
    }

    /// The next node; `None` at the end of a document that is whole.
    ///
    /// # Errors
    /// [`Unreadable`].
    pub fn next(&mut self) -> Result<Option<Node<'a>>, Unreadable> {
        if let Some(name) = self.empty.take() {
            self.open.pop();
            return Ok(Some(Node::Close(local(name))));
        }
        loop {
            if self.rest.is_empty() {
                let whole = self.open.is_empty() && self.elements > 0;
                return if whole { Ok(None) } else { Err(Unreadable::Malformed) };
            }
            let node = match self.rest.strip_prefix('<') {
                Some(rest) => self.markup(rest)?,
                None => self.characters()?,
            };
            if node.is_some() {
                return Ok(node);
            }
        }
    }

    fn characters(&mut self) -> Result<Option<Node<'a>>, Unreadable> {
        let (text, rest) = self.rest.split_at(self.rest.find('<').unwrap_or(self.rest.len()));
        self.rest = rest;
        if text.trim().is_empty() {
            return Ok(None);
        }
        if self.open.is_empty() {
            return Err(Unreadable::Malformed);
        }
        resolved(text).map(Node::Text).map(Some)
    }

    fn markup(&mut self, rest: &'a str) -> Result<Option<Node<'a>>, Unreadable> {
        if let Some(rest) = rest.strip_prefix("!--") {
            return self.skip(rest, "-->");
        }
        if let Some(rest) = rest.strip_prefix('?') {
            return self.skip(rest, "?>");
        }
        if let Some(rest) = rest.strip_prefix("![CDATA[") {
            let (text, rest) = rest.split_once("]]>").ok_or(Unreadable::Malformed)?;
            self.rest = rest;
            return match self.open.is_empty() {
                true => Err(Unreadable::Malformed),
                false => Ok(Some(Node::Text(Cow::Borrowed(text)))),
            };
        }
        if rest.starts_with('!') {
            return Err(Unreadable::Dtd);
        }
        match rest.strip_prefix('/') {
            Some(rest) => self.end(rest).map(Some),
            None => self.begin(rest).map(Some),
        }
    }

    fn skip(&mut self, rest: &'a str, until: &str) -> Result<Option<Node<'a>>, Unreadable> {
        let (_, rest) = rest.split_once(until).ok_or(Unreadable::Malformed)?;
        self.rest = rest;
        Ok(None)
    }

    fn end(&mut self, rest: &'a str) -> Result<Node<'a>, Unreadable> {
        let (name, rest) = rest.split_once('>').ok_or(Unreadable::Malformed)?;
        let name = name.trim_end();
        if self.open.pop() != Some(name) {
            return Err(Unreadable::Malformed);
        }
        self.rest = rest;
        Ok(Node::Close(local(name)))
    }

    fn begin(&mut self, rest: &'a str) -> Result<Node<'a>, Unreadable> {
        let at =
            rest.find(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).ok_or(Unreadable::Malformed)?;
        let (name, mut rest) = rest.split_at(at);
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, ':' | '-' | '_' | '.');
        let second_root = self.open.is_empty() && self.elements > 0;
        if name.is_empty() || !name.chars().all(is_name) || second_root {
            return Err(Unreadable::Malformed);
        }
        loop {
            rest = rest.trim_start();
            if let Some(behind) = rest.strip_prefix("/>") {
                self.rest = behind;
                self.empty = Some(name);
                break;
            }
            if let Some(behind) = rest.strip_prefix('>') {
                self.rest = behind;
                break;
            }
            rest = behind_attribute(rest)?;
        }
        self.elements += 1;
        self.open.push(name);
        if self.open.len() > bounds::XML_NESTING || self.elements > bounds::XML_ELEMENTS {
            return Err(Unreadable::TooLarge);
        }
        Ok(Node::Open(local(name)))
    }
}

/// What follows `name="value"`. No attribute means anything in what is read here.
fn behind_attribute(rest: &str) -> Result<&str, Unreadable> {
    let (name, rest) = rest.split_once('=').ok_or(Unreadable::Malformed)?;
    let rest = rest.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or(Unreadable::Malformed)?;
    let (value, behind) =
        rest.get(1..).and_then(|rest| rest.split_once(quote)).ok_or(Unreadable::Malformed)?;
    match name.contains(['<', '>', '"', '\'']) || value.contains('<') {
        true => Err(Unreadable::Malformed),
        false => Ok(behind),
    }
}

/// A name without its namespace's prefix.
fn local(name: &str) -> &str {
    name.rsplit_once(':').map_or(name, |(_, local)| local)
}

/// Text with its references resolved: XML's own five, and characters by number.
fn resolved(text: &str) -> Result<Cow<'_, str>, Unreadable> {
    if !text.contains('&') {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('&') {
        let (name, behind) = behind.split_once(';').ok_or(Unreadable::Malformed)?;
        out.push_str(before);
        out.push(character(name).ok_or(Unreadable::Malformed)?);
        rest = behind;
    }
    out.push_str(rest);
    Ok(Cow::Owned(out))
}

fn character(name: &str) -> Option<char> {
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code).filter(|c| !c.is_control() || matches!(c, '\t' | '\n' | '\r'))?
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, Unreadable> {
        let mut reader = Reader::new(text);
        let mut told = String::new();
        while let Some(node) = reader.next()? {
            told.push_str(&match node {
                Node::Open(name) => format!("<{name}>"),
                Node::Close(name) => format!("</{name}>"),
                Node::Text(text) => text.into_owned(),
            });
        }
        Ok(told)
    }

    #[test]
    fn whatever_is_written_stays_a_value() {
        let mut writer = Writer::new();
        writer.open("a").attr("b", "\"><evil x='").text("</a>&\u{0}\u{b}]]>").open("c").close();
        let text = writer.finish();
        assert!(
            text.contains("<a b=\"&quot;&gt;&lt;evil x=&apos;\">&lt;/a&gt;&amp;]]&gt;<c/></a>\n"),
            "{text}"
        );
        assert_eq!(read(&text).as_deref(), Ok("<a></a>&]]><c></c></a>"));
    }

    #[test]
    fn reads_what_is_well_formed() {
        for (text, told) in [
            ("<a/>", "<a></a>"),
            (
                "\u{feff}<?xml version=\"1.0\"?><!-- <x> --><p:a xmlns:p='u'> <b>1 &lt; 2</b> </p:a>\n",
                "<a><b>1 < 2</b></a>",
            ),
            ("<a><![CDATA[<b>&amp;]]></a>", "<a><b>&amp;</a>"),
            ("<a b = \"x>y\" c='z'>&#x4f60;&#22909;</a >", "<a>你好</a>"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(told), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not() {
        let deep = "<a>".repeat(bounds::XML_NESTING + 1);
        let many = format!("<a>{}</a>", "<b/>".repeat(bounds::XML_ELEMENTS));
        for (text, why) in [
            ("", Unreadable::Malformed),
            ("<a>", Unreadable::Malformed),
            ("<a></b>", Unreadable::Malformed),
            ("<a/><b/>", Unreadable::Malformed),
            ("text", Unreadable::Malformed),
            ("<a b></a>", Unreadable::Malformed),
            ("<a b=\"<\"/>", Unreadable::Malformed),
            ("<a>&bomb;</a>", Unreadable::Malformed),
            ("<a>&#0;</a>", Unreadable::Malformed),
            ("<a>&#xffffffffff;</a>", Unreadable::Malformed),
            ("<a", Unreadable::Malformed),
            ("<!DOCTYPE a [<!ENTITY b \"&c;&c;\">]><a>&b;</a>", Unreadable::Dtd),
            ("<a><!ENTITY b SYSTEM \"file:///etc/passwd\"></a>", Unreadable::Dtd),
            (deep.as_str(), Unreadable::TooLarge),
            (many.as_str(), Unreadable::TooLarge),
        ] {
            assert_eq!(read(text), Err(why), "{}", text.chars().take(60).collect::<String>());
        }
    }
}

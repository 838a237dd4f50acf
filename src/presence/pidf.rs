//! Whether somebody is there: RFC 3863 PIDF with the activities of RFC 4480 (RPID), read and written.
//!
//! Invariant: what a phone publishes is read down to a few values and written anew; none of its markup reaches a watcher.

use crate::base::bounds;

use super::xml::{Node, Reader, Unreadable, Writer};

const PIDF: &str = "urn:ietf:params:xml:ns:pidf";
const PERSON: &str = "urn:ietf:params:xml:ns:pidf:data-model";
const RPID: &str = "urn:ietf:params:xml:ns:pidf:rpid";

/// The activities of RFC 4480 §3.2 that are passed on.
const ACTIVITIES: [&str; 12] = [
    "appointment",
    "away",
    "busy",
    "dinner",
    "holiday",
    "in-transit",
    "meal",
    "meeting",
    "on-the-phone",
    "travel",
    "vacation",
    "working",
];

/// What is known of somebody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Whether messages and calls would arrive (`basic`, RFC 3863 §4.1.4).
    pub open: bool,
    /// What the person does: at most one of each kind, known kinds only.
    pub activities: Vec<&'static str>,
    /// A word of their own.
    pub note: Option<String>,
}

impl Status {
    /// Reads a published document.
    ///
    /// # Errors
    /// [`Unreadable`]: then nothing of it counts.
    pub fn read(body: &[u8]) -> Result<Status, Unreadable> {
        let text = std::str::from_utf8(body).map_err(|_| Unreadable::Malformed)?;
        let mut reader = Reader::new(text);
        let (mut path, mut status) = (Vec::new(), Status::default());
        while let Some(node) = reader.next()? {
            match node {
                Node::Open(name) => {
                    if path.is_empty() && name != "presence" {
                        return Err(Unreadable::Malformed);
                    }
                    if path.last() == Some(&"activities") {
                        status.does(name);
                    }
                    path.push(name);
                }
                Node::Close(_) => drop(path.pop()),
                Node::Text(text) => status.hear(&path, text.trim()),
            }
        }
        Ok(status)
    }

    fn does(&mut self, name: &str) {
        let known = ACTIVITIES.iter().find(|known| **known == name);
        self.activities.extend(known.filter(|known| !self.activities.contains(known)));
    }

    fn hear(&mut self, path: &[&str], text: &str) {
        match path.last() {
            // Several tuples: somebody who is reached at one of them is there.
            Some(&"basic") => self.open |= text.eq_ignore_ascii_case("open"),
            Some(&"note") if self.note.is_none() => {
                self.note = Some(text.chars().take(bounds::PRESENCE_NOTE_CHARS).collect());
            }
            _ => {}
        }
    }

    /// Writes the document of `entity`, a URI.
    pub fn document(&self, entity: &str) -> String {
        let mut xml = Writer::new();
        xml.open("presence").attr("xmlns", PIDF).attr("xmlns:dm", PERSON).attr("xmlns:rpid", RPID);
        xml.attr("entity", entity);
        xml.open("tuple").attr("id", "user").open("status").open("basic");
        xml.text(if self.open { "open" } else { "closed" }).close().close();
        if self.open {
            xml.open("contact").text(entity).close();
        }
        self.write_note(&mut xml, "note");
        xml.close();
        if !self.activities.is_empty() {
            xml.open("dm:person").attr("id", "person").open("rpid:activities");
            for activity in &self.activities {
                xml.open(element(activity)).close();
            }
            xml.close();
            self.write_note(&mut xml, "dm:note");
        }
        xml.finish()
    }

    fn write_note(&self, xml: &mut Writer, name: &'static str) {
        if let Some(note) = &self.note {
            xml.open(name).text(note).close();
        }
    }
}

/// An activity as an element's name.
fn element(activity: &str) -> &'static str {
    match activity {
        "appointment" => "rpid:appointment",
        "away" => "rpid:away",
        "busy" => "rpid:busy",
        "dinner" => "rpid:dinner",
        "holiday" => "rpid:holiday",
        "in-transit" => "rpid:in-transit",
        "meal" => "rpid:meal",
        "meeting" => "rpid:meeting",
        "on-the-phone" => "rpid:on-the-phone",
        "travel" => "rpid:travel",
        "vacation" => "rpid:vacation",
        "working" => "rpid:working",
        _ => "rpid:unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for (open, activities, note) in [
            (true, vec!["away", "meeting"], Some("</note> 在开会 & \"more\"".to_string())),
            (false, vec![], None),
            (true, vec!["on-the-phone"], None),
        ] {
            let status = Status { open, activities, note };
            assert_eq!(Status::read(status.document("sip:a@h").as_bytes()), Ok(status));
        }
        assert!(ACTIVITIES.iter().all(|name| element(name).strip_prefix("rpid:") == Some(name)));
    }

    #[test]
    fn only_what_is_known_is_taken() {
        let text = "<presence xmlns='urn:ietf:params:xml:ns:pidf'><tuple id='a'><status><basic>closed</basic></status></tuple>\
                    <tuple id='b'><status><basic>Open</basic></status><note>first</note><note>second</note></tuple>\
                    <p:person xmlns:p='x'><r:activities xmlns:r='y'><r:busy/><r:busy/><r:juggling/></r:activities></p:person>\
                    </presence>";
        let status = Status { open: true, activities: vec!["busy"], note: Some("first".into()) };
        assert_eq!(Status::read(text.as_bytes()), Ok(status));
    }

    #[test]
    fn bombs_are_refused() {
        let laughs = "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;&lol;\">]><presence>&lol2;</presence>";
        assert_eq!(Status::read(laughs.as_bytes()), Err(Unreadable::Dtd));
        assert_eq!(Status::read(b"<html/>"), Err(Unreadable::Malformed));
        assert_eq!(Status::read(b"\xff\xfe<presence/>"), Err(Unreadable::Malformed));
        let long = format!("<presence><note>{}</note></presence>", "x".repeat(10_000));
        let note = Status::read(long.as_bytes()).expect("well formed").note.expect("a note");
        assert_eq!(note.len(), bounds::PRESENCE_NOTE_CHARS);
    }
}

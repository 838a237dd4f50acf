//! A conversation as vCon JSON (draft-ietf-vcon-vcon-core, version 0.3.0): what other systems read of an exported call.
//!
//! Invariant: the sound lies beside it, named by file and hash; a vCon holds numbers and names in clear and leaves the house
//! only in a package that two people approved.

use serde_json::{Value, json};

use super::order::Event;
use super::search::Record;
use crate::base::{ItemId, Masked};

/// The vCon of `record`, whose sound is the file `name` of media type `mediatype` with this SHA-256 (base64url, without
/// padding), `duration_s` seconds long.
pub fn vcon(record: &Record, name: &str, mediatype: &str, hash: &str, duration_s: f64) -> Value {
    let row = &record.row;
    let began = row.started.rfc3339();
    let dialled = json!({ "tel": row.opening.dialled.reveal(), "role": "dialled" });
    let mut parties = vec![json!({ "tel": row.opening.caller.reveal(), "role": "caller" }), dialled];
    let others = row.closing.iter().flat_map(|closing| &closing.parties);
    parties.extend(others.filter(|party| party.who != row.opening.caller).map(|party| {
        let mut told = json!({ "tel": party.who.reveal(), "role": party.leg.to_string() });
        if !party.name.reveal().is_empty() {
            told["name"] = party.name.reveal().into();
        }
        told
    }));
    let events: Vec<Value> = record
        .events
        .iter()
        .map(|(offset_us, event)| json!({ "offset_us": offset_us, "event": event }))
        .collect();
    let far: Vec<usize> = (1..parties.len()).collect();
    let tags = row.closing.as_ref().map(|closing| json!(closing.tags)).unwrap_or_else(|| json!({}));
    json!({
        "vcon": "0.3.0",
        "uuid": uuid(row.recording.to_bytes()),
        "created_at": began,
        "subject": row.opening.route,
        "parties": parties,
        "dialog": [{
            "type": "recording", "start": began, "duration": duration_s, "parties": [0, far],
            "mediatype": mediatype, "filename": name, "url": format!("../{name}"),
            "content_hash": format!("sha256-{hash}"), "originator": 0,
        }],
        "attachments": [{
            "type": "tags", "start": began, "party": 0, "dialog": [0],
            "mediatype": "application/json", "encoding": "json", "body": tags,
        }],
        "analysis": [{
            "type": "events", "dialog": 0, "vendor": "ledgerline",
            "mediatype": "application/json", "encoding": "json", "body": events,
        }],
    })
}

/// `told`, the vCon of `record`, as that of its redacted copy `item`: it refers to the original, numbers are masked, and of the
/// events only those stay that hold nothing of what was said (EXP-06).
pub fn redacted(mut told: Value, record: &Record, item: ItemId, reason: &str) -> Value {
    let original = told["uuid"].take();
    told["uuid"] = uuid(item.to_bytes()).into();
    told["redacted"] = json!({ "uuid": original, "type": reason });
    for party in told["parties"].as_array_mut().into_iter().flatten() {
        let masked = Masked::new(party["tel"].as_str().unwrap_or_default()).to_string();
        party["tel"] = masked.into();
        if let Some(party) = party.as_object_mut() {
            party.remove("name");
        }
    }
    let harmless = |event: &Event| {
        use Event::{GapEnd, GapStart, Held, Joined, Left, Lost, NoticePlayed, Resumed};
        matches!(
            event,
            GapStart { .. }
                | GapEnd
                | Held { .. }
                | Resumed { .. }
                | Joined { .. }
                | Left { .. }
                | Lost { .. }
        ) || matches!(event, NoticePlayed { .. })
    };
    let events = record.events.iter().filter(|(_, event)| harmless(event));
    told["analysis"][0]["body"] =
        events.map(|(offset_us, event)| json!({ "offset_us": offset_us, "event": event })).collect();
    told["attachments"] = json!([]);
    told
}

/// A recording's identifier as a UUID of version 8 (RFC 9562 §5.8): its 128 bits but for the six that say so.
fn uuid(mut octets: [u8; 16]) -> String {
    octets[6] = octets[6] & 0x0f | 0x80;
    octets[8] = octets[8] & 0x3f | 0x80;
    let text = crate::base::hex(&octets);
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, LegId, Masked, RecordingId, Wall};
    use crate::vault::{Closing, Event, Opening, Party, Row};

    /// EXP-05: what the draft requires of a vCon is there, and every index points at something.
    #[test]
    fn a_vcon_has_what_the_draft_requires() {
        let party = Party { leg: LegId(1), who: Masked::new("8002"), name: Masked::new("Bob") };
        let row = Row {
            recording: RecordingId::from_bytes([0xff; 16]),
            call: CallId::from_bytes([2; 16]),
            started: Wall::from_micros(1_795_337_972_120_000),
            duration_us: Some(2_000_000),
            ended: None,
            leaf: Some(0),
            len_bytes: 1,
            packets: 1,
            opening: Opening {
                caller: Masked::new("13812345678"),
                dialled: Masked::new("8000"),
                ..Opening::default()
            },
            closing: Some(Closing { parties: vec![party], ..Closing::default() }),
        };
        let record = Record { row, kek_version: 1, chunks: 3, events: vec![(5, Event::GapEnd)] };
        let vcon = vcon(&record, "audio/x.wav", "audio/x-wav", "abc", 2.0);
        assert_eq!(vcon["uuid"], "ffffffff-ffff-8fff-bfff-ffffffffffff");
        for member in ["vcon", "created_at"] {
            assert!(vcon[member].is_string(), "{member}");
        }
        let parties = vcon["parties"].as_array().expect("a list").len() as u64;
        assert_eq!((parties, &vcon["parties"][2]["name"]), (3, &json!("Bob")));
        let dialog = &vcon["dialog"][0];
        for member in ["type", "start", "mediatype", "filename", "url", "content_hash"] {
            assert!(dialog[member].is_string(), "{member}");
        }
        assert!(
            dialog["parties"][1].as_array().expect("a list").iter().all(|at| at.as_u64() < Some(parties))
        );
        assert_eq!(vcon["analysis"][0]["body"][0]["offset_us"], 5);
    }
}
